import io
import time
import tomllib
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from remote_mailcfg.cli.exit_code import exit_code
from remote_mailcfg.cli.show import Output, Show
from remote_mailcfg.cli.terminal import Terminal
from remote_mailcfg.errors import OdooError, RemoteMailcfgError, describe_bug
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.model.mail_server import CANDIDATE_PREFIX, MailServerRecord
from remote_mailcfg.model.routing import Route
from remote_mailcfg.model.smtp_test import SmtpTest
from remote_mailcfg.operations.change_server import ChangedServer
from remote_mailcfg.operations.check import CheckResult
from remote_mailcfg.operations.create_api_key import ApiKey
from remote_mailcfg.operations.debug import DeveloperMode
from remote_mailcfg.operations.list_servers import ServerList
from remote_mailcfg.operations.prove_servers import ServerTests
from remote_mailcfg.operations.route_address import ExplainedRoute
from remote_mailcfg.operations.send_mail import SentMail
from remote_mailcfg.report.api_key import API_KEY
from remote_mailcfg.report.check import CHECK
from remote_mailcfg.report.debug import DEVELOPER_MODE
from remote_mailcfg.report.envelope import render_envelope, render_error, render_outcome
from remote_mailcfg.report.export import make_file
from remote_mailcfg.report.mail import ROUTE, SENT_MAIL
from remote_mailcfg.report.servers import LABELS, SERVER, SERVER_LIST
from remote_mailcfg.report.table import make_error
from remote_mailcfg.report.tests import SERVER_TESTS
from remote_mailcfg.report.view import View
from remote_mailcfg.secret import Secret
from tests.fake_transport import TARGET

T = TypeVar("T")

WIDTH = 80

#: The keys of a SERVER, fixed: scripts read them.
SERVER_KEYS = {
    "id",
    "name",
    "sequence",
    "smtp_encryption",
    "smtp_authentication",
    "smtp_user",
    "smtp_host",
    "smtp_port",
    "from_filter",
    "smtp_ssl_certificate",
    "smtp_ssl_private_key",
    "smtp_debug",
    "max_email_size",
    "active",
    "has_password",
    "default",
    "ours",
}
TEST_KEYS = {"id", "name", "ok", "cause", "message", "hint", "sender", "seconds"}

MAIN = MailServerRecord(
    id=7,
    name="Main",
    smtp_host="smtp.example.org",
    smtp_port=587,
    smtp_encryption="starttls",
    smtp_user="me@example.org",
    has_password=True,
)
PASSED = SmtpTest(
    id=7,
    name="Main",
    ok=True,
    cause=None,
    message="Connection Test Successful!",
    hint="",
    sender="me@example.org",
    seconds=0.123,
)
FAILED = SmtpTest(
    id=8,
    name="Old",
    ok=False,
    cause="refused",
    message="refused\n[Errno 111]",
    hint="Look there.",
    sender="",
    seconds=60.04,
)
MARKUP = "[red]x[/red] [/] [link=https://example.org]y[/link]"


def render(text: RenderableType, width: int = WIDTH) -> str:
    """Return a text as a terminal of this width shows it, without colours."""
    console = Console(file=io.StringIO(), width=width, highlight=False, legacy_windows=False)
    console.print(text)  # reads markup in every plain str, so that none may be left
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def words(text: RenderableType) -> str:
    """Return a text wide enough that nothing is folded, with single blanks."""
    return " ".join(render(text, 10_000).split())


def outcome_of(result: T) -> Outcome[T]:
    return Outcome(TARGET, result=result)


# The envelope


def test_an_envelope_counts_its_results_and_keeps_their_order() -> None:
    results = [{"instance": "a", "ok": True}, {"instance": "b", "ok": False}]

    assert render_envelope("server list", results) == {
        "command": "server list",
        "results": results,
        "summary": {"total": 2, "ok": 1, "failed": 1},
    }


def test_a_result_has_its_instance_and_its_data() -> None:
    shown = render_outcome(outcome_of(ServerList((), None)), SERVER_LIST)

    assert shown == {
        "instance": "registry",
        "url": "https://registry.example.org",
        "ok": True,
        "data": {"servers": []},
    }


def test_an_error_takes_the_place_of_the_data() -> None:
    error = OdooError("access-denied", "Odoo denies access", "Ask for the role.")

    assert render_outcome(Outcome(TARGET, error=error), SERVER_LIST) == {
        "instance": "registry",
        "url": "https://registry.example.org",
        "ok": False,
        "error": {
            "code": "access-denied",
            "message": "Odoo denies access",
            "hint": "Ask for the role.",
        },
    }


def test_a_test_that_failed_stands_beside_the_error() -> None:
    error = RemoteMailcfgError("test-failed", "the test failed")
    error.details = {"test": FAILED}

    shown = render_error(error)

    assert shown.keys() == {"code", "message", "hint", "test"}
    assert shown["test"] == {
        "id": 8,
        "name": "Old",
        "ok": False,
        "cause": "refused",
        "message": "refused\n[Errno 111]",
        "hint": "Look there.",
        "sender": "",
        "seconds": 60.04,
    }


def test_a_complete_result_that_is_bad_has_data_and_error() -> None:
    shown = render_outcome(outcome_of(ServerTests((PASSED, FAILED))), SERVER_TESTS)

    assert shown.keys() == {"instance", "url", "ok", "data", "error"}
    assert shown["ok"] is False
    assert len(shown["data"]["tests"]) == 2
    assert shown["error"] == {
        "code": "test-failed",
        "message": "1 of 2 tests failed: 8 'Old' (refused)",
        "hint": "Look there.",
    }


def test_several_tests_that_failed_have_no_common_hint() -> None:
    failure = ServerTests((FAILED, FAILED)).failure

    assert failure is not None
    assert failure.hint == ""


def crash_of(text: str) -> Exception:
    """Return an exception that was raised in this function."""
    with pytest.raises(ValueError, match=text) as caught:
        int(text)
    return caught.value


def test_a_crash_is_an_error_of_ours_without_its_values() -> None:
    shown = render_outcome(Outcome(TARGET, crash=describe_bug(crash_of("s3cret"))), SERVER_LIST)

    assert shown["ok"] is False
    assert shown["error"]["code"] == "crashed"
    assert "s3cret" not in str(shown)


def test_the_report_of_a_crash_says_where_and_holds_no_value() -> None:
    text = describe_bug(crash_of("s3cret"))

    assert "ValueError" in text
    assert "test_report.py" in text
    assert "in crash_of" in text
    assert "s3cret" not in text


# The data of each command


@pytest.mark.parametrize(
    ("view", "result", "keys"),
    [
        pytest.param(SERVER_LIST, ServerList((MAIN,), 7), {"servers"}, id="server-list"),
        pytest.param(
            SERVER,
            ChangedServer(MAIN, default=True, test=None),
            {"server", "test"},
            id="server-show",
        ),
        pytest.param(SERVER_TESTS, ServerTests((PASSED,)), {"tests"}, id="server-test"),
        pytest.param(SENT_MAIL, SentMail(1, "sent", ""), {"mail"}, id="server-send"),
        pytest.param(
            ROUTE,
            ExplainedRoute("a@x.org", Route(server=MAIN, sender="a@x.org", why="w"), default=True),
            {"server", "sender", "why"},
            id="route",
        ),
        pytest.param(CHECK, CheckResult(), {"version", "openspp", "protocol", "steps"}, id="check"),
        pytest.param(DEVELOPER_MODE, DeveloperMode("1", "l"), {"mode", "link"}, id="debug"),
        pytest.param(
            API_KEY,
            ApiKey("N", None, None, Secret("k3y")),
            {"name", "expires", "saved", "key"},
            id="apikey-shown",
        ),
        pytest.param(
            API_KEY,
            ApiKey("N", None, "file:key", None),
            {"name", "expires", "saved"},
            id="apikey-saved",
        ),
    ],
)
def test_the_keys_of_a_commands_data_are_fixed(view: View[T], result: T, keys: set[str]) -> None:
    assert view.data(result).keys() == keys


@pytest.mark.parametrize(
    ("view", "result"),
    [
        pytest.param(SERVER_LIST, ServerList((MAIN,), 7), id="server-list"),
        pytest.param(SERVER, ChangedServer(MAIN, default=True, test=PASSED), id="server-show"),
        pytest.param(SERVER_TESTS, ServerTests((PASSED,)), id="server-test"),
        pytest.param(SENT_MAIL, SentMail(1, "sent", ""), id="server-send"),
        pytest.param(DEVELOPER_MODE, DeveloperMode("1", "l"), id="debug"),
        pytest.param(API_KEY, ApiKey("N", None, None, Secret("k3y")), id="apikey"),
        pytest.param(
            ROUTE,
            ExplainedRoute("a@x.org", Route(server=None, sender="a@x.org", why="w"), default=False),
            id="route",
        ),
    ],
)
def test_a_row_of_csv_holds_plain_values(view: View[T], result: T) -> None:
    (row,) = view.rows(result)

    assert row
    for value in row.values():
        assert value is None or isinstance(value, str | int | float | bool)


def test_a_server_has_the_fixed_keys_and_no_secret() -> None:
    (shown,) = SERVER_LIST.data(ServerList((MAIN,), 7))["servers"]

    assert shown.keys() == SERVER_KEYS
    assert shown["has_password"] is True


def test_every_field_of_a_record_is_shown_or_is_meant_for_ourselves() -> None:
    known = {field.name for field in fields(MailServerRecord)}

    assert known - SERVER_KEYS == {"owner_user_id", "environment_managed"}
    assert LABELS.keys() <= known


@pytest.mark.parametrize(
    ("default_id", "default"), [pytest.param(7, True, id="it"), pytest.param(1, False, id="not")]
)
def test_the_default_server_is_marked(default_id: int, default: bool) -> None:  # noqa: FBT001 - a row's value
    (row,) = SERVER_LIST.rows(ServerList((MAIN,), default_id))

    assert row["default"] is default


def test_a_test_has_the_fixed_keys() -> None:
    assert SERVER_TESTS.data(ServerTests((FAILED,)))["tests"][0].keys() == TEST_KEYS
    changed = SERVER.data(ChangedServer(MAIN, default=True, test=PASSED))
    assert changed["test"].keys() == TEST_KEYS


def test_a_sent_mail_has_the_fixed_keys() -> None:
    assert SENT_MAIL.data(SentMail(1, "sent", ""))["mail"] == {
        "id": 1,
        "state": "sent",
        "reason": "",
    }


def test_a_mail_that_was_sent_is_said_to_be_taken() -> None:
    assert "Mail 1: sent. The mail server took it" in words(SENT_MAIL.text(SentMail(1, "sent", "")))


def test_a_mail_that_was_not_sent_is_a_failure() -> None:
    shown = render_outcome(outcome_of(SentMail(1, "exception", "no")), SENT_MAIL)

    assert shown["error"]["message"] == "the mail is in state 'exception': no"
    assert words(SENT_MAIL.text(SentMail(1, "exception", "no"))) == "Mail 1: exception"


def test_a_route_without_a_server_is_odoo_conf() -> None:
    chosen = Route(server=None, sender="a@x.org", why="No server is active.")
    result = ExplainedRoute("a@x.org", chosen, default=False)

    assert ROUTE.data(result)["server"] is None
    assert "Mail from a@x.org goes through odoo.conf." in words(ROUTE.text(result))


def test_a_route_with_a_server_names_it() -> None:
    chosen = Route(server=MAIN, sender="a@x.org", why="w")
    result = ExplainedRoute("a@x.org", chosen, default=True)

    assert ROUTE.data(result)["server"]["default"] is True
    assert ROUTE.rows(result)[0]["server_id"] == 7
    assert "server 7 'Main' (smtp.example.org:587)" in words(ROUTE.text(result))


def check_result() -> CheckResult:
    result = CheckResult(version="19.0", openspp=True, protocol="json2")
    result.add("version", "Odoo 19.0")
    result.fail("role", "may not", "Ask for it.")
    result.skip("menu", "not tried")
    return result


def test_a_check_shows_every_step() -> None:
    data = CHECK.data(check_result())

    assert data["steps"] == [
        {"step": "version", "ok": True, "detail": "Odoo 19.0", "hint": ""},
        {"step": "role", "ok": False, "detail": "may not", "hint": "Ask for it."},
        {"step": "menu", "ok": None, "detail": "not tried", "hint": ""},
    ]
    assert CHECK.rows(check_result()) == data["steps"]


def test_a_check_that_found_nothing_out_says_null() -> None:
    assert CHECK.data(CheckResult()) == {
        "version": None,
        "openspp": None,
        "protocol": None,
        "steps": [],
    }


@pytest.mark.parametrize(
    ("openspp", "said"),
    [
        pytest.param(True, "Odoo 19.0, with OpenSPP", id="openspp"),
        pytest.param(False, "Odoo 19.0, plain Odoo without OpenSPP", id="plain"),
        pytest.param(None, "Odoo 19.0 role", id="not-asked"),
    ],
)
def test_a_check_tells_openspp_from_plain_odoo(openspp: bool | None, said: str) -> None:  # noqa: FBT001 - a row's value
    result = check_result()
    result.openspp = openspp

    shown = words(CHECK.text(result))

    assert said in shown
    assert "role not ok may not next: Ask for it. menu - not tried" in shown


@pytest.mark.parametrize(
    ("result", "said"),
    [
        pytest.param(DeveloperMode("", None), "is off: no web session is kept.", id="no-session"),
        pytest.param(DeveloperMode("", "L"), "kept session is off.", id="off"),
        pytest.param(DeveloperMode("assets", "L"), "is on (assets). Outgoing", id="on"),
    ],
)
def test_developer_mode_is_said(result: DeveloperMode, said: str) -> None:
    assert said in words(DEVELOPER_MODE.text(result))


@pytest.mark.parametrize(
    ("result", "said"),
    [
        pytest.param(
            ApiKey("N", None, None, Secret("k3y")),
            "API key 'N' (does not expire). Odoo does not show it again: k3y Revoke it in Odoo"
            " under Preferences > Account Security.",
            id="shown",
        ),
        pytest.param(
            ApiKey("N", datetime(2026, 1, 2, tzinfo=UTC), "file:key", None),
            "API key 'N' (expires 2026-01-02T00:00:00Z) is saved to file:key. Revoke it in"
            " Odoo under Preferences > Account Security.",
            id="saved",
        ),
    ],
)
def test_an_api_key_is_said(result: ApiKey, said: str) -> None:
    assert words(API_KEY.text(result)) == said


def test_the_end_of_an_api_key_is_a_time_with_its_zone() -> None:
    end = datetime(2026, 1, 2, tzinfo=UTC)

    assert API_KEY.data(ApiKey("N", end, "file:key", None))["expires"] == ("2026-01-02T00:00:00Z")


# Texts for people


@pytest.mark.parametrize(
    ("server", "state"),
    [
        pytest.param(MAIN, "default", id="default"),
        pytest.param(MailServerRecord(id=1, name="A"), "active", id="active"),
        pytest.param(MailServerRecord(id=1, name="A", active=False), "archived", id="archived"),
        pytest.param(MailServerRecord(id=1, name="A", owner_user_id=6), "personal", id="personal"),
        pytest.param(
            MailServerRecord(id=1, name=f"{CANDIDATE_PREFIX}R: A", active=False),
            "candidate",
            id="candidate",
        ),
    ],
)
def test_the_state_of_a_server_is_shown(server: MailServerRecord, state: str) -> None:
    first = render(SERVER_LIST.text(ServerList((server,), 7)), 200).splitlines()[1]

    assert first.split()[-1] == state


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({}, "Main smtp.example.org:587, starttls me@example.org", id="usual"),
        pytest.param({"smtp_authentication": "cli"}, "starttls, cli", id="authentication"),
        pytest.param({"has_password": False}, "me@example.org (no password)", id="no-password"),
        pytest.param({"from_filter": "x.org"}, "only from x.org", id="filter"),
    ],
)
def test_a_list_says_how_a_server_connects(changes: dict[str, Any], said: str) -> None:
    server = replace(MAIN, **changes)

    assert said in words(SERVER_LIST.text(ServerList((server,), None))).replace(" active", "")


def test_an_instance_without_servers_says_where_mail_goes() -> None:
    assert "odoo.conf" in words(SERVER_LIST.text(ServerList((), None)))


def test_a_server_is_shown_with_the_guides_labels() -> None:
    server = MailServerRecord(
        id=7,
        name="Main",
        smtp_debug=True,
        max_email_size=10.0,
        smtp_ssl_certificate=True,
        environment_managed=("smtp_host", "smtp_port"),
    )
    lines = render(SERVER.text(ChangedServer(server, default=False, test=None)), 200).splitlines()
    start = lines[0].index("Value")
    shown = {line[:start].strip(): line[start:].strip() for line in lines[1:]}

    assert shown.keys() == {*LABELS.values(), "Id", "State", "From environment"}
    assert shown["SSL Certificate"] == "set"
    assert shown["Private Key"] == "not set"
    assert shown["Debugging"] == "yes"
    assert shown["Max Email Size"] == "10 MB"
    assert shown["From environment"] == "smtp_host, smtp_port"


def test_a_server_without_a_size_shows_none() -> None:
    assert "Max Email Size" not in words(SERVER.text(ChangedServer(MAIN, default=True, test=None)))


def test_a_size_of_zero_is_the_instances_default() -> None:
    server = MailServerRecord(id=7, name="Main", max_email_size=0.0)

    assert "Max Email Size as the instance's default" in words(
        SERVER.text(ChangedServer(server, default=True, test=None))
    )


def test_a_changed_server_is_shown_with_its_test() -> None:
    shown = words(SERVER.text(ChangedServer(MAIN, default=True, test=PASSED)))

    assert shown.startswith("passed 7 'Main' (0.1 s, sender me@example.org) Field Value Id 7")


def test_a_removed_server_is_said_to_be_removed() -> None:
    result = ChangedServer(MAIN, default=False, test=None, removed=True)

    assert words(SERVER.text(result)) == "Mail server 7 'Main' is removed."


def test_a_failed_test_shows_the_servers_words_our_cause_and_the_next_step() -> None:
    assert render(SERVER_TESTS.text(ServerTests((PASSED, FAILED)))) == (
        "passed 7 'Main' (0.1 s, sender me@example.org)\n"
        "failed 8 'Old' (60.0 s): refused\n"
        "  refused\n"
        "  [Errno 111]\n"
        "  next: Look there.\n"
    )


def test_a_failed_test_without_a_hint_has_no_next_step() -> None:
    test = SmtpTest(
        id=8, name="Old", ok=False, cause="other", message="m", hint="", sender="", seconds=0
    )

    assert "next" not in words(SERVER_TESTS.text(ServerTests((test,))))


@pytest.mark.parametrize(
    ("instance", "hint", "shown"),
    [
        pytest.param("a", "h", "error: a: one\n  two\n  next: h\n", id="of-an-instance"),
        pytest.param("", "", "error: one\n  two\n", id="of-usage"),
    ],
)
def test_an_error_says_where_what_and_the_next_step(instance: str, hint: str, shown: str) -> None:
    assert render(make_error(instance, RemoteMailcfgError("c", "one\ntwo", hint))) == shown


# Whatever a server holds


def long_server() -> MailServerRecord:
    return MailServerRecord(
        id=123456,
        name="N" * 150,
        sequence=2_147_483_647,
        smtp_host="h" * 150,
        smtp_user="u" * 150,
        smtp_port=65535,
        smtp_encryption="starttls_strict",
        smtp_authentication="certificate",
        from_filter="f" * 150,
        environment_managed=("e" * 150,),
        max_email_size=1.0,
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(SERVER_LIST.text(ServerList((long_server(), MAIN), 7)), id="server-list"),
        pytest.param(
            SERVER.text(ChangedServer(long_server(), default=False, test=None)), id="server-show"
        ),
    ],
)
def test_a_table_of_long_names_fits_80_columns_and_cuts_nothing(text: RenderableType) -> None:
    shown = render(text)

    assert max(len(line) for line in shown.splitlines()) <= WIDTH
    for letter in "Nhuf":
        assert shown.count(letter) >= 150
    assert "…" not in shown


def test_a_table_of_a_check_fits_80_columns() -> None:
    result = check_result()
    result.fail("test", "N" * 300, "h" * 300)

    shown = render(CHECK.text(result))

    assert max(len(line) for line in shown.splitlines()) <= WIDTH
    assert shown.count("N") == 300


def marked_server() -> MailServerRecord:
    return MailServerRecord(
        id=7, name=MARKUP, smtp_host=MARKUP, smtp_user=MARKUP, from_filter=MARKUP
    )


def marked_test() -> SmtpTest:
    return SmtpTest(
        id=7,
        name=MARKUP,
        ok=False,
        cause="other",
        message=MARKUP,
        hint=MARKUP,
        sender=MARKUP,
        seconds=0,
    )


def marked_check() -> CheckResult:
    result = CheckResult()
    result.fail("test", MARKUP, MARKUP)
    return result


@pytest.mark.parametrize(
    ("text", "times"),
    [
        pytest.param(SERVER_LIST.text(ServerList((marked_server(),), 7)), 4, id="server-list"),
        pytest.param(
            SERVER.text(ChangedServer(marked_server(), default=True, test=None)),
            4,
            id="server-show",
        ),
        pytest.param(
            SERVER.text(ChangedServer(marked_server(), default=True, test=None, removed=True)),
            1,
            id="server-delete",
        ),
        pytest.param(SERVER_TESTS.text(ServerTests((marked_test(),))), 4, id="server-test"),
        pytest.param(SENT_MAIL.text(SentMail(1, MARKUP, "")), 1, id="server-send"),
        pytest.param(CHECK.text(marked_check()), 2, id="check"),
        pytest.param(
            ROUTE.text(
                ExplainedRoute(
                    MARKUP, Route(server=marked_server(), sender=MARKUP, why=MARKUP), default=True
                )
            ),
            5,
            id="route",
        ),
        pytest.param(make_error(MARKUP, RemoteMailcfgError("c", MARKUP, MARKUP)), 3, id="error"),
    ],
)
def test_a_servers_text_is_never_read_as_markup(text: RenderableType, times: int) -> None:
    assert words(text).count(MARKUP) == times


# What an instance may hold of everything


def many(number: int, **values: Any) -> ServerList:
    records = (
        replace(MAIN, id=it, name=f"S{it}", smtp_host=f"smtp{it}.example.org", **values)
        for it in range(1, number + 1)
    )
    return ServerList(tuple(records), 1)


def seconds_of(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def test_a_large_table_has_every_row_and_stays_within_its_width() -> None:
    shown = render(SERVER_LIST.text(many(600, from_filter="example.org, " * 12))).splitlines()

    assert max(map(len, shown)) <= WIDTH
    assert [line.split()[0] for line in shown if " 10 " in line] == [*map(str, range(1, 601))]
    assert shown[0].split() == ["Id", "Priority", "Mail", "server", "State"]
    assert shown[1].split() == ["1", "10", "S1", "default"]


def test_ten_thousand_servers_are_listed_in_seconds() -> None:
    assert seconds_of(lambda: render(SERVER_LIST.text(many(10_000)))) < 4


def test_servers_of_one_name_are_exported_in_linear_time() -> None:
    servers = replace(many(1), servers=tuple(replace(MAIN, id=it) for it in range(6000)))

    assert seconds_of(lambda: make_file([outcome_of(servers)])) < 3


def test_texts_of_megabytes_are_cut_in_tables_and_whole_elsewhere() -> None:
    text = "word " * 400_000
    servers = ServerList((replace(MAIN, name=text, smtp_host=text),), 7)

    shown = []
    assert seconds_of(lambda: shown.append(render(SERVER_LIST.text(servers)))) < 3
    assert len(shown[0]) < 10_000
    assert "cut: 2000000 characters" in " ".join(shown[0].split())
    assert SERVER_LIST.data(servers)["servers"][0]["name"] == text
    assert SERVER_LIST.rows(servers)[0]["smtp_host"] == text
    assert tomllib.loads(make_file([outcome_of(servers)]))["mail_server"][0]["name"] == text


# What cannot be shown


@pytest.mark.parametrize("output", Output)
def test_what_cannot_be_rendered_is_the_failure_of_its_instance_alone(
    output: Output, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(result: str) -> Any:
        if result == "bad":
            raise UnicodeError
        return result

    view: View[str] = View(
        lambda it: {"value": fail(it)},
        lambda it: [{"value": fail(it)}],
        lambda it: Text(fail(it)),
        columns=("value",),
    )
    show = Show("x", view, output, Terminal(quiet=False, verbose=False))
    targets = [replace(TARGET, name=name) for name in ("a", "b", "c")]
    made = [Outcome(it, result=r) for it, r in zip(targets, ("one", "bad", "two"), strict=True)]

    outcomes = [show.contained(it) for it in made]
    for outcome in outcomes:
        show.streamed(outcome)
    show.all(outcomes)

    shown = capsys.readouterr()
    assert "one" in shown.out
    assert "two" in shown.out
    assert "error: b: a bug of remote-mailcfg" in shown.err
    assert "UnicodeError" in shown.err
    assert exit_code(outcomes, view) == 70
