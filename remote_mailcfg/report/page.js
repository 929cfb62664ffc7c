
"use strict";
{
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const [RULE, SEVERITY, SERVER, MESSAGE, REMEDY, SINCE, NEW] = [0, 1, 2, 3, 4, 5, 6];

  /** Make an element; texts among its children are never parsed. */
  function make(tag, attributes = {}, ...children) {
    const svg = tag === "svg" || tag === "path" || tag === "title";
    const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }
  const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
  const hidden = (text) => make("span", { class: "sr" }, text);
  const sign = (severity) => make("span", { "aria-hidden": "true" }, data.signs[severity]);
  const chip = (severity, ...rest) => make("span", { class: `chip ${data.severities[severity]}` }, sign(severity), ...rest);

  // Charts

  /** Return a line of counts over time, told in words beside; null where there is no history. */
  function chart(points, severity) {
    if (points.length < 2) return null;
    const [first, last] = [points[0], points[points.length - 1]];
    const most = Math.max(1, ...points.map(([, count]) => count));
    const x = (run) => 100 * (data.times[run] - data.times[first[0]]) / (data.times[last[0]] - data.times[first[0]]);
    const y = (count) => 38 - 36 * count / most;
    const steps = points.map(([run, count], i) => (i ? `H${x(run).toFixed(1)}V` : `M${x(run).toFixed(1)} `) + y(count).toFixed(1)).join("");
    const words = `${data.severities[severity]}: ${first[1]} on ${data.runs[first[0]]}, ${last[1]} on ${data.runs[last[0]]}, at most ${most === 1 && !points.some((it) => it[1]) ? 0 : most}`;
    return make("svg", { class: `chart ${data.severities[severity]}`, viewBox: "0 0 100 40", preserveAspectRatio: "none", role: "img", "aria-label": words },
      make("title", {}, words), make("path", { class: "area", d: `${steps}V38H0Z` }), make("path", { d: steps }));
  }

  /** Return what was known to stand on all instances when each run began. */
  function fleetPast(severity) {
    const changes = data.runs.map(() => 0);
    let seen = false;
    for (const instance of data.instances) {
      let before = 0;
      for (const [run, ...counts] of instance.past) {
        changes[run] += counts[severity] - before;
        before = counts[severity];
        seen = true;
      }
    }
    let total = 0;
    return seen ? changes.map((change, run) => [run, total += change]) : [];
  }
  const past = (instance, severity) => instance.past.map(([run, ...counts]) => [run, counts[severity]]);
  const dates = (points) => make("span", { class: "span", "aria-hidden": "true" },
    make("span", {}, data.runs[points[0][0]].slice(0, 10)), make("span", {}, data.runs[points[points.length - 1][0]].slice(0, 10)));

  // What is asked for

  const boxes = [...document.querySelectorAll("input[name=severity]")];
  const fields = { search: at("search"), group: at("group"), tag: at("tag"), state: at("state"), order: at("order") };

  function asked() {
    const severities = boxes.map((box) => box.checked);
    const words = fields.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const { group, tag, state } = fields;
    const narrow = Boolean(group.value || state.value || severities.includes(false));
    return { severities, words, group: group.value, tag: tag.value, state: state.value, narrow };
  }
  const textOf = (finding) => {
    const rule = data.rules[finding[RULE]];
    return `${rule.id} ${rule.title} ${finding[SERVER]} ${finding[MESSAGE]} ${finding[REMEDY] || rule.remedy}`.toLowerCase();
  };

  /** Return the findings of an instance that are asked for, null where it is not to be shown. */
  function choose(row, filter) {
    const { instance } = row;
    if (filter.tag && !instance.tags.includes(filter.tag)) return null;
    row.words ??= `${instance.name} ${instance.url} ${instance.role} ${instance.tags.join(" ")} ${(instance.error ?? []).join(" ")}`.toLowerCase();
    row.texts ??= instance.findings.map(textOf);
    const rest = filter.words.filter((word) => !row.words.includes(word));
    // what could not be examined may have any finding: only words and tags leave it out
    if (instance.error) return rest.length ? null : [];
    const found = instance.findings.filter((it, i) => filter.severities[it[SEVERITY]]
      && (!filter.group || data.rules[it[RULE]].group === Number(filter.group))
      && (!filter.state || it[NEW] === Number(filter.state))
      && rest.every((word) => row.texts[i].includes(word)));
    return found.length || !(filter.narrow || rest.length) ? found : null;
  }

  // The matrix

  const body = document.querySelector("#matrix tbody");

  function makeRow(instance, number) {
    const button = make("button", { type: "button", class: "name", "aria-expanded": "false" }, instance.name);
    const about = [instance.role, ...instance.tags].filter(Boolean).join(" · ");
    const head = make("th", { scope: "row", role: "rowheader" }, button, make("span", { class: "about" }, about));
    const element = make("tr", { class: "instance", role: "row" }, head);
    const row = { instance, number, element, button, cells: [], shown: [], detail: null };
    if (instance.error) {
      element.append(make("td", { role: "cell", class: "failed", "aria-colspan": data.groups.length }, make("b", {}, "Could not be examined"), `: ${instance.error[1]}`));
    } else {
      row.cells = data.groups.map((group) => ({ element: make("td", { role: "cell", "data-group": group }), key: "" }));
      element.append(...row.cells.map((cell) => cell.element));
    }
    element.addEventListener("click", (event) => {
      if (!String(window.getSelection()) && !event.target.closest("a")) toggle(row);
    });
    const counts = data.severities.map((_, severity) => instance.findings.filter((it) => it[SEVERITY] === severity).length);
    row.rank = instance.error ? [1, 0, 0, 0, 0] : [0, ...counts];
    row.unseen = new Set(instance.skipped.map(([rule]) => data.rules[rule].group));
    return row;
  }

  function fill(row) {
    for (const [group, cell] of row.cells.entries()) {
      const found = row.shown.filter((it) => data.rules[it[RULE]].group === group);
      const worst = Math.min(...found.map((it) => it[SEVERITY]));
      const key = `${found.length} ${worst}`;
      if (cell.key === key) continue;
      cell.key = key;
      if (found.length) {
        cell.element.replaceChildren(chip(worst, String(found.length), hidden(`${found.length === 1 ? "finding" : "findings"}, the worst is ${data.severities[worst]}`)));
      } else if (row.unseen.has(group)) {
        cell.element.replaceChildren(make("span", { class: "unseen", "aria-hidden": "true" }, "–"), hidden("nothing found, a rule was skipped"));
      } else {
        cell.element.replaceChildren(make("span", { class: "clean", "aria-hidden": "true" }, "✓"), hidden("nothing found"));
      }
    }
  }

  // Details

  function toggle(row, open = !row.detail) {
    if (open === Boolean(row.detail)) return;
    row.button.setAttribute("aria-expanded", String(open));
    if (open) {
      row.detail = make("tr", { class: "detail", role: "row", id: `detail-${row.number}` });
      row.button.setAttribute("aria-controls", row.detail.id);
      describe(row);
      row.element.after(row.detail);
    } else {
      row.detail.remove();
      row.detail = null;
      row.button.removeAttribute("aria-controls");
    }
  }

  function describe(row) {
    const { instance, shown } = row;
    const sheet = make("div", { class: "sheet" }, facts(instance));
    const lines = data.severities.map((word, severity) => [word, severity, past(instance, severity)]).filter(([, , points]) => points.length > 1);
    if (lines.length) sheet.append(make("div", { class: "charts" }, ...lines.map(([word, severity, points]) => make("div", {}, word, chart(points, severity), dates(points)))));
    for (const [number, group] of data.groups.entries()) {
      const found = shown.filter((it) => data.rules[it[RULE]].group === number).sort((a, b) => a[SEVERITY] - b[SEVERITY]);
      if (found.length) sheet.append(make("section", {}, make("h3", {}, group), make("ul", { class: "findings" }, ...found.map(makeFinding))));
    }
    const left = instance.findings.length - shown.length;
    if (left) sheet.append(make("p", { class: "quiet" }, `${many(left, "more finding")}, left out by the filter.`));
    else if (!shown.length && !instance.error) sheet.append(make("p", {}, "Nothing found."));
    if (instance.skipped.length) sheet.append(makeSkipped(instance.skipped));
    row.detail.replaceChildren(make("td", { "aria-colspan": data.groups.length + 1, role: "cell" }, sheet));
  }

  function facts(instance) {
    const fact = (word, ...told) => make("div", {}, make("dt", {}, word), make("dd", {}, ...told));
    const link = /^https?:\/\//.test(instance.url) ? make("a", { href: instance.url, rel: "noreferrer" }, instance.url) : instance.url;
    const list = make("dl", { class: "facts" }, fact("Address", link));
    if (instance.error) {
      list.append(fact("Error", make("code", {}, instance.error[0])));
      if (instance.error[2]) list.append(fact("Next", instance.error[2]));
    }
    return list;
  }

  function makeFinding(it) {
    const rule = data.rules[it[RULE]];
    const head = make("p", { class: "head" }, chip(it[SEVERITY], data.severities[it[SEVERITY]]), make("b", {}, rule.title), make("code", {}, rule.id));
    if (it[NEW]) head.append(make("span", { class: "chip fresh" }, "new"));
    head.append(make("span", { class: "since" }, "since ", make("time", {}, it[SINCE])));
    const told = make("p", {}, it[SERVER] ? make("b", {}, `${it[SERVER]}: `) : "", it[MESSAGE]);
    return make("li", { class: `finding ${data.severities[it[SEVERITY]]}` }, head, told,
      make("p", { class: "quiet" }, rule.why), make("p", {}, make("b", {}, "Next: "), it[REMEDY] || rule.remedy));
  }

  function makeSkipped(skipped) {
    const lines = skipped.map(([rule, because]) => make("li", {}, make("code", {}, data.rules[rule].id), ` ${because}`));
    return make("details", { class: "skipped" }, make("summary", {}, `${many(skipped.length, "rule")} skipped`), make("ul", {}, ...lines));
  }

  // All of it

  const rows = data.instances.map(makeRow);
  const worst = (a, b) => a.rank.reduce((found, _, i) => found || b.rank[i] - a.rank[i], 0) || a.number - b.number;

  function show() {
    const filter = asked();
    let [instances, findings] = [0, 0];
    for (const row of rows) {
      const chosen = choose(row, filter);
      row.element.hidden = chosen === null;
      if (row.detail) row.detail.hidden = chosen === null;
      if (chosen === null) continue;
      const changed = chosen.length !== row.shown.length || chosen.some((it, i) => it !== row.shown[i]);
      row.shown = chosen;
      instances += 1;
      findings += chosen.length;
      fill(row);
      if (row.detail && changed) describe(row);
    }
    at("status").textContent = instances ? `${many(findings, "finding")} on ${instances} of ${many(rows.length, "instance")}` : "No instance fits the filter.";
    at("all").hidden = !instances;
  }

  function order() {
    const sorted = fields.order.value === "worst" ? [...rows].sort(worst) : rows;
    body.append(...sorted.flatMap((row) => (row.detail ? [row.element, row.detail] : [row.element])));
  }

  let asking = 0;
  const soon = () => { cancelAnimationFrame(asking); asking = requestAnimationFrame(show); };
  const reset = () => {
    for (const box of boxes) box.checked = true;
    for (const name of ["search", "group", "tag", "state"]) fields[name].value = "";
  };

  fields.search.addEventListener("input", soon);
  for (const field of [...boxes, fields.group, fields.tag, fields.state]) field.addEventListener("change", soon);
  fields.order.addEventListener("change", order);
  at("reset").addEventListener("click", () => { reset(); show(); fields.search.focus(); });
  at("all").addEventListener("click", () => {
    const shown = rows.filter((row) => !row.element.hidden);
    const open = shown.some((row) => !row.detail);
    for (const row of shown) toggle(row, open);
    at("all").textContent = open ? "Close all shown" : "Open all shown";
  });
  body.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1, Home: -rows.length, End: rows.length };
    if (!(event.key in steps) || !event.target.matches(".name")) return;
    event.preventDefault();
    const names = [...body.querySelectorAll("tr.instance:not([hidden]) .name")];
    const next = names.indexOf(event.target) + steps[event.key];
    names[Math.max(0, Math.min(names.length - 1, next))].focus();
  });
  for (const button of document.querySelectorAll(".only")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      reset();
      fields.search.value = button.dataset.rule;
      show();
      at("instances").focus();
    });
  }

  for (const [severity, tile] of [...document.querySelectorAll(".tile")].entries()) {
    const found = data.instances.flatMap((it) => it.findings).filter((it) => it[SEVERITY] === severity);
    const fresh = found.filter((it) => it[NEW]).length;
    tile.querySelector(".tile-count").textContent = String(found.length);
    tile.querySelector(".tile-new").textContent = fresh ? `${fresh} new` : "";
    const points = fleetPast(severity);
    const line = chart(points, severity);
    if (line) tile.querySelector(".tile-chart").append(line, dates(points));
  }
  at("matrix").style.setProperty("--columns", data.groups.map((group) => `minmax(0, ${Math.max(8, group.length)}fr)`).join(" "));
  order();
  show();
  at("matrix").hidden = false;
  document.querySelector(".filter").hidden = false;
}
