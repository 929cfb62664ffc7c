"""What travels between this machine and a worker: errors and results do, secrets do not."""

import inspect
import pickle
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from remote_mailcfg import errors, operations
from remote_mailcfg.apply.changes import Carried
from remote_mailcfg.errors import (
    ConfigurationError,
    LoginError,
    OdooError,
    RemoteMailcfgError,
    TransportError,
)
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.model.examined import Examined
from remote_mailcfg.model.finding import Examination, Finding, Skipped
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.routing import Route
from remote_mailcfg.model.smtp_test import SmtpTest
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.apply_servers import AppliedServers
from remote_mailcfg.operations.audit_instance import Audit
from remote_mailcfg.operations.change_server import ChangedServer, Foreseen
from remote_mailcfg.operations.check import CheckResult, Step
from remote_mailcfg.operations.create_api_key import ApiKey
from remote_mailcfg.operations.debug import DeveloperMode
from remote_mailcfg.operations.forget_run import ForgottenRun
from remote_mailcfg.operations.list_runs import RunList
from remote_mailcfg.operations.list_servers import ServerList
from remote_mailcfg.operations.plan_servers import PlannedServers
from remote_mailcfg.operations.prove_servers import ServerTests
from remote_mailcfg.operations.reach_instance import Reached
from remote_mailcfg.operations.route_address import ExplainedRoute
from remote_mailcfg.operations.send_mail import SentMail
from remote_mailcfg.plan.server_plan import FieldChange, Plan, PlannedChange
from remote_mailcfg.secret import Secret
from remote_mailcfg.store.runs import JournaledChange, JournaledRun

SERVER = MailServerRecord(
    id=7,
    name="Main",
    smtp_host="smtp.example.org",
    smtp_port=587,
    smtp_encryption="starttls",
    smtp_user="me@example.org",
    has_password=True,
    max_email_size=10.0,
    environment_managed=("smtp_host",),
)
TEST = SmtpTest(
    id=7,
    name="Main",
    ok=False,
    cause="refused",
    message="refused\n[Errno 111]",
    hint="Look there.",
    sender="me@example.org",
    seconds=0.123,
)


def there_and_back(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


# Errors


def with_details(error: RemoteMailcfgError) -> RemoteMailcfgError:
    error.details = {"test": TEST}
    return error


ERRORS = (
    RemoteMailcfgError("not-found", "there is none"),
    with_details(RemoteMailcfgError("test-failed", "the test failed", "Look there.")),
    ConfigurationError("configuration", "no inventory", "Write one."),
    TransportError("timeout", "no answer", "Wait.", status=504),
    LoginError("authentication-failed", "refused", "Look at the password."),
    OdooError("refused-by-odoo", "no", "Ask.", exception="odoo.exceptions.UserError"),
)


def test_every_class_of_errors_is_tried() -> None:
    classes = {it for _, it in inspect.getmembers(errors, inspect.isclass)}

    assert {it for it in classes if issubclass(it, Exception)} == {type(it) for it in ERRORS}


@pytest.mark.parametrize("error", ERRORS, ids=lambda it: it.code)
def test_an_error_comes_back_with_all_it_holds(error: RemoteMailcfgError) -> None:
    back = there_and_back(error)

    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)


# Results

RUN = JournaledRun(
    name="20260102T030405Z-0a1b2c",
    at="2026-01-02T03:04:05Z",
    command="apply",
    undoes="",
    test=True,
    state="done",
    changes=(
        JournaledChange(
            action="update",
            key="main",
            unmarks=False,
            backup=None,
            reversible=True,
            before=SERVER,
            values={"smtp_port": 587},
            secrets={"smtp_pass": True},
            reasons={},
            steps={"switch": "done"},
            ids={"backup": 9},
            outcome="done",
        ),
    ),
)
RESULTS = (
    Audit(
        Examined(
            instance="north",
            examination=Examination(
                findings=(Finding(rule="a-rule", severity="info", message="so", remedy="Do."),),
                skipped=(Skipped(rule="other-rule", because="denied"),),
            ),
            looked=frozenset({"a-rule"}),
        ),
        "error",
    ),
    PlannedServers(
        Plan(
            changes=(
                PlannedChange(
                    action="update",
                    key="main",
                    server_id=7,
                    name="Main",
                    fields={"smtp_port": FieldChange(25, 587)},
                    cannot_tell=("smtp_pass",),
                ),
            ),
            unmanaged=(SERVER,),
            servers=(SERVER,),
            managed={"main": 7},
            fingerprint="0123456789abcdef",
        ),
        ("main: smtp_pass: NAME is not set",),
    ),
    ServerList((SERVER, replace(SERVER, id=8, active=False)), 7),
    ChangedServer(SERVER, default=True, test=TEST),
    ServerTests((TEST, replace(TEST, ok=True, cause=None))),
    SentMail(3, "exception", "550 no"),
    ExplainedRoute(
        "you@example.org",
        Route(
            server=SERVER,
            sender="you@example.org",
            why="its filter has the domain",
        ),
        default=False,
    ),
    CheckResult("19.0", openspp=True, protocol="json2", steps=[Step("reach", ok=True, detail="")]),
    DeveloperMode("1", "https://spp.example.org/odoo?debug=1"),
    PlannedServers(
        Plan(
            changes=(
                PlannedChange(
                    action="update",
                    key="main",
                    server_id=7,
                    name="Main",
                    fields={
                        "smtp_port": FieldChange(25, 587),
                        "smtp_pass": FieldChange(None, "set"),
                    },
                    cannot_tell=("smtp_ssl_private_key",),
                ),
            ),
            unmanaged=(SERVER,),
            servers=(SERVER,),
            managed={"main": 7},
            fingerprint="5f1c",
        ),
        ("main: smtp_pass: the reference cannot be resolved",),
    ),
    AppliedServers(
        (
            (
                PlannedChange(action="update", key="main", server_id=7, name="Main"),
                Carried(7, TEST, "done"),
            ),
            (PlannedChange(action="unchanged", key="b", server_id=8, name="Other"), None),
        ),
        run="20260102T030405Z-0a1b2c",
    ),
    Foreseen(servers=2, changes=SERVER),
    RunList((RUN,)),
    ForgottenRun(RUN, 1),
    Reached("admin", "openspp", "17.0", "jsonrpc"),
    ApiKey("cron", datetime(2026, 1, 1, tzinfo=UTC), "file:api.key", None),
)


def results_of_operations() -> Iterator[object]:
    """Yield what each operation returns: public functions of a target and a progress."""
    for path in Path(operations.__file__).parent.glob("[a-z]*.py"):
        module = import_module(f"{operations.__name__}.{path.stem}")
        for _, function in inspect.getmembers(module, inspect.isfunction):
            names = list(inspect.signature(function).parameters)
            if names[:2] == ["target", "progress"] and not inspect.isgeneratorfunction(
                inspect.unwrap(function)
            ):
                yield get_type_hints(function)["return"]


def test_every_result_of_an_operation_is_tried() -> None:
    assert {*results_of_operations()} == {type(it) for it in RESULTS}


@pytest.mark.parametrize("result", RESULTS, ids=lambda it: type(it).__name__)
def test_a_result_comes_back_as_it_was(result: object) -> None:
    outcome = Outcome(Target(name="spp", url="https://spp.example.org", tags=("a",)), result=result)

    assert there_and_back(outcome) == outcome


# Secrets


@pytest.mark.parametrize(
    "holder",
    [
        Secret("hidden"),
        ApiKey("cron", None, None, Secret("hidden")),
        Target(name="spp", url="https://spp.example.org", password=Secret("hidden")),
    ],
    ids=lambda it: type(it).__name__,
)
def test_nothing_that_holds_a_secret_travels(holder: object) -> None:
    with pytest.raises(TypeError, match="a secret is not pickled"):
        pickle.dumps(holder)
