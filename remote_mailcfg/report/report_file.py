"""The files of `--report FORMAT:FILE`: which formats there are, and how a file is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.files import NewFile
from remote_mailcfg.report.audit_json import render_json
from remote_mailcfg.report.audit_report import AuditReport
from remote_mailcfg.report.envelope import contain
from remote_mailcfg.report.junit import render_junit
from remote_mailcfg.report.markdown import render_markdown
from remote_mailcfg.report.page import has_jinja, render_html
from remote_mailcfg.report.prometheus import render_prometheus
from remote_mailcfg.report.sarif import render_sarif

FORMATS: Final[dict[str, Callable[[AuditReport], str]]] = {
    "json": render_json,
    "sarif": render_sarif,
    "junit": render_junit,
    "prometheus": render_prometheus,
    "markdown": render_markdown,
    "html": render_html,
}

#: What is near the beginning of a report of each format, and of no other file.
BEGINS: Final[dict[str, str]] = {
    "json": '{\n  "command": "audit"',
    "sarif": '        "driver": {\n          "name": "remote-mailcfg",',
    "junit": '<testsuites name="remote-mailcfg audit"',
    "prometheus": "# HELP remote_mailcfg_",
    "markdown": "# Audit of outgoing mail, ",
    "html": "<title>Audit of outgoing mail, ",
}
#: The formats with a line of their own in front of it.
BEGIN_OTHERWISE: Final = frozenset({"sarif", "junit", "html"})


#: How files of a format end, where not as it is called.
ENDINGS: Final = {"junit": "xml", "prometheus": "prom", "markdown": "md"}


@dataclass(frozen=True, slots=True)
class ReportFile:
    """One report that is wanted: a name of `FORMATS`, and where it goes."""

    form: str
    path: Path

    @property
    def is_printed(self) -> bool:
        """Whether it goes to standard output, in place of the table."""
        return str(self.path) == "-"

    @property
    def output(self) -> NewFile:
        """The file, which may replace a report of its format."""
        return NewFile(path=self.path, option="--report", own_kind=self._is_report)

    def _is_report(self, head: str) -> bool:
        at = head.find(BEGINS[self.form])
        return at == 0 or (at > 0 and self.form in BEGIN_OTHERWISE)


def parse_reports(texts: Sequence[str], *, is_free: bool = True) -> tuple[ReportFile, ...]:
    """Return the reports of some `FORMAT:FILE`; raises one error with all problems.

    FILE `-` is standard output, which `is_free` where no other format is asked for.
    """
    problems: list[str] = []
    found: dict[Path, ReportFile] = {}
    for text in texts:
        form, _, name = text.partition(":")
        path = Path(name).expanduser()
        if name == "-" and form in FORMATS and not is_free:
            problems.append(f"{text!r}: --output prints to standard output already")
        elif problem := _problem(form, path):
            problems.append(f"{text!r}: {problem}" if form in FORMATS else problem)
        elif path.resolve() in found:
            problems.append(f"{text!r}: another report goes to this file already")
        else:
            found[path.resolve()] = ReportFile(form, path)
    if problems:
        raise ConfigurationError(
            "configuration",
            "\n".join(f"--report {problem}" for problem in problems),
            f"For instance --report {_example(texts[0].partition(':')[0])}",
        )
    return tuple(found.values())


def _example(form: str) -> str:
    name = form if form in FORMATS else "sarif"
    return f"{name}:audit.{ENDINGS.get(name, name)}"


def _problem(form: str, path: Path) -> str:
    """Return why there can be no such report, `""` where nothing is in the way."""
    if form not in FORMATS:
        return f"FORMAT:FILE: the format is not one of {', '.join(FORMATS)}"
    wanted = ReportFile(form, path)
    if not wanted.is_printed and (problem := wanted.output.problem()):
        return problem
    if form == "html" and not has_jinja():
        return "jinja2 is not installed: pip install 'remote-mailcfg[html]'"
    return ""


def render_report(report: AuditReport, wanted: ReportFile) -> tuple[AuditReport, str]:
    """Return the text of one report, and the report with a crash for each instance that broke it.

    Each instance is tried alone only where all together fail; what is no instance's is raised.
    """
    render = FORMATS[wanted.form]
    try:
        return report, render(report)
    except RemoteMailcfgError:
        raise
    except Exception:  # noqa: BLE001 - the bug becomes its instance's, or is met again below
        each = [
            contain(it, lambda one: render(replace(report, outcomes=[one])))
            for it in report.outcomes
        ]
    contained = replace(report, outcomes=each)
    return contained, render(contained)


def write_report(report: AuditReport, wanted: ReportFile) -> AuditReport:
    """Write one report as `render_report` has it, whole or not at all, readable as usual.

    What collects metrics must never read half a file, and runs as another user. Raises `not-saved`.
    """
    contained, text = render_report(report, wanted)
    wanted.output.write(text)
    return contained
