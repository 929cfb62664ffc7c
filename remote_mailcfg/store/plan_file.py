"""A saved plan: what `plan --out` writes and `apply --plan` carries out. It holds no secret."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from remote_mailcfg.config.desired import parse_desired
from remote_mailcfg.config.user_file import load_user_file
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.files import NewFile
from remote_mailcfg.model.desired import DesiredState
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.target import Target
from remote_mailcfg.plan.server_plan import FieldChange, Plan, PlannedChange, fingerprint

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """The plan for one instance, where that was, and what its guards look at."""

    url: str
    database: str
    plan: Plan
    neutralized: bool
    used_by: Mapping[int, str]

    def is_for(self, target: Target) -> bool:
        """Tell whether it was made for this address and database."""
        return (self.url, self.database) == (target.url, target.database)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFile:
    """The plans of one file of mail servers, by instance, in the order of the run."""

    state: DesiredState
    clear_credentials: bool
    instances: Mapping[str, SavedPlan]


def plan_output(path: Path) -> NewFile:
    """Return the file of --out, which may replace a saved plan."""
    return NewFile(path=path, option="--out", own_kind=_is_saved_plan, private=True)


def _is_saved_plan(head: str) -> bool:
    return head.startswith('{\n "format": ') and '\n "at": "' in head and '\n "path": "' in head


def save_plans(
    path: Path,
    state: DesiredState,
    plans: Mapping[str, SavedPlan],
    *,
    clear_credentials: bool,
) -> None:
    """Write the plans, readable by the user alone; raises `not-saved`."""
    content = {
        "format": FORMAT,
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "path": str(state.path.absolute()),
        "text": state.text,
        "clear_credentials": clear_credentials,
        "instances": [{"name": name, **asdict(plan)} for name, plan in plans.items()],
    }
    plan_output(path).write(json.dumps(content, indent=1) + "\n")


def load_plans(path: Path) -> PlanFile:
    """Read what `save_plans` wrote.

    Raises `ConfigurationError` for what is no such file, was changed after it was written, or has
    references and can be changed by others.
    """
    file = load_user_file(path)
    try:
        content = _content(file.text)
        instances = {it["name"]: _saved(it) for it in content["instances"]}
        state = parse_desired(content["text"], Path(content["path"]))
        clear_credentials = bool(content["clear_credentials"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            "configuration",
            f"{path} is not a plan that this version wrote: {type(error).__name__}: {error}",
            "Write it again with `remote-mailcfg plan FILE --out PLAN`.",
        ) from None
    if file.distrust and state.has_references:
        raise file.distrust.error()
    return PlanFile(state=state, clear_credentials=clear_credentials, instances=instances)


def _content(text: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(text)
    if content["format"] != FORMAT:
        raise ValueError(f"its format is {content['format']!r}, not {FORMAT}")
    return content


def _saved(told: Mapping[str, Any]) -> SavedPlan:
    given = told["plan"]
    plan = Plan(
        changes=tuple(_change(it) for it in given["changes"]),
        unmanaged=tuple(_record(it) for it in given["unmanaged"]),
        servers=tuple(_record(it) for it in given["servers"]),
        managed=dict(given["managed"]),
        fingerprint=given["fingerprint"],
    )
    target = Target(name=told["name"], url=told["url"], database=told["database"])
    if fingerprint(target, plan.changes, plan.servers, plan.managed) != plan.fingerprint:
        raise ValueError(f"the plan for {target.name} was changed after it was written")
    used_by = {int(server_id): usage for server_id, usage in told["used_by"].items()}
    return SavedPlan(target.url, target.database, plan, bool(told["neutralized"]), used_by)


def _change(told: Mapping[str, Any]) -> PlannedChange:
    changed = {name: FieldChange(it["before"], it["after"]) for name, it in told["fields"].items()}
    return PlannedChange(**{**told, "fields": changed, "cannot_tell": tuple(told["cannot_tell"])})


def _record(told: Mapping[str, Any]) -> MailServerRecord:
    known = {field.name for field in fields(MailServerRecord)}
    if set(told) != known:
        raise ValueError("a mail server in it has other fields than this version knows")
    return MailServerRecord(**{**told, "environment_managed": tuple(told["environment_managed"])})
