"""`server create`: proved before it becomes active, and nothing left behind where it fails."""

from pathlib import Path

import pytest
import trustme

from remote_mailcfg.model.target import Target
from remote_mailcfg.sandbox.server import Served
from remote_mailcfg.sandbox.smtp_servers import PASSWORD, USER, SmtpPeers
from remote_mailcfg.store.locks import changing_instance
from tests.integration.instance import Instance
from tests.integration.terminal import on_terminal

TEST_KEYS = {"id", "name", "ok", "cause", "message", "hint", "sender", "seconds"}


def test_a_server_is_created_active_once_its_test_passed(
    instance: Instance, smtp: SmtpPeers
) -> None:
    ran = instance.json("server", "create", *instance.options(smtp.plain_auth), SMTP_PASS=PASSWORD)
    (made,) = instance.all_of_test()
    assert (ran.code, ran.data["test"]["ok"]) == (0, True)
    assert (made["name"], made["active"], made["smtp_pass"]) == (instance.name(), True, PASSWORD)
    assert smtp.plain_auth.senders


@pytest.mark.parametrize("encryption", ["starttls", "ssl"])
def test_a_server_with_encryption_is_proved(
    some_instance: Instance, smtp: SmtpPeers, encryption: str
) -> None:
    peer = smtp.starttls_auth if encryption == "starttls" else smtp.tls_auth
    words = (*some_instance.options(peer), "--smtp-encryption", encryption)
    ran = some_instance.json("server", "create", *words, SMTP_PASS=PASSWORD)
    assert (ran.code, ran.data["server"]["smtp_encryption"]) == (0, encryption)


def test_the_test_of_a_created_server_has_the_keys_of_the_contract(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    ran = some_instance.json("server", "create", *some_instance.options(smtp.plain))
    assert ran.data["test"].keys() == TEST_KEYS
    assert ran.data["test"]["id"] == ran.data["server"]["id"]


def test_a_wrong_password_leaves_nothing_behind(instance: Instance, smtp: SmtpPeers) -> None:
    ran = instance.json("server", "create", *instance.options(smtp.plain_auth), SMTP_PASS="nope-1")
    assert (ran.code, ran.error["code"]) == (1, "test-failed")
    assert ran.error["test"]["cause"] == "authentication-refused"
    assert instance.all_of_test() == []


def test_an_unproved_server_is_created_with_no_test_and_that_is_said(
    instance: Instance, smtp: SmtpPeers
) -> None:
    ran = instance.json("server", "create", *instance.options(smtp.refused), "--no-test")
    (made,) = instance.all_of_test()
    assert (ran.code, ran.data["test"], made["active"]) == (0, None, True)
    assert "--no-test: the connection is not proved" in ran.err


def test_the_values_come_from_variables_where_no_option_gives_them(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    variables = {
        "SMTP_NAME": some_instance.name(),
        "SMTP_HOST": smtp.plain.host,
        "SMTP_PORT": str(smtp.plain.port),
        "SMTP_SEQUENCE": "3",
    }
    ran = some_instance.json("server", "create", "--sequence", "4", **variables)
    (made,) = some_instance.named()
    assert (ran.code, made["sequence"], made["smtp_port"]) == (0, 4, smtp.plain.port)


def test_a_password_comes_from_a_file(
    some_instance: Instance, smtp: SmtpPeers, tmp_path: Path
) -> None:
    secret = tmp_path / "smtp.pass"
    secret.write_text(PASSWORD + "\n")
    words = some_instance.options(smtp.plain_auth)
    ran = some_instance.json("server", "create", *words, SMTP_PASS_FILE=str(secret))
    assert ran.code == 0
    assert [made["smtp_pass"] for made in some_instance.named()] == [PASSWORD]


@pytest.mark.parametrize(
    ("encryption", "port"), [("none", 25), ("starttls", 587), ("ssl", 465)], ids=str
)
def test_the_port_comes_from_the_encryption(
    some_instance: Instance, encryption: str, port: int
) -> None:
    words = ["--name", some_instance.name(), "--smtp-host", "mail.example.org", "--no-test"]
    ran = some_instance.json("server", "create", *words, "--smtp-encryption", encryption)
    assert (ran.code, ran.data["server"]["smtp_port"]) == (0, port)


def test_all_missing_values_are_one_usage_error(some_instance: Instance) -> None:
    ran = some_instance.json("server", "create", "--smtp-user", USER)
    assert (ran.code, ran.error["code"]) == (2, "missing-value")
    missing = ("name", "smtp_host", "smtp_pass")
    assert [field for field in missing if field not in ran.error["message"]] == []


def test_a_usage_error_sends_nothing(faulty: tuple[Instance, Served]) -> None:
    instance, sandbox = faulty
    sandbox.requests.clear()
    assert instance.run("server", "create").code == 2
    assert sandbox.requests == []


def test_all_invalid_values_are_told_at_once(instance: Instance) -> None:
    words = ["--name", instance.name(), "--smtp-host", "smtp://mail.example.org"]
    words += ["--smtp-port", "70000", "--sequence", "-1", "--from-filter", "*.example.org"]
    ran = instance.json("server", "create", *words)
    assert (ran.code, ran.error["code"]) == (2, "invalid-value")
    wrong = ("smtp_host", "smtp_port", "sequence", "from_filter")
    assert [field for field in wrong if f"{field}: " not in ran.error["message"]] == []
    assert instance.all_of_test() == []


@pytest.mark.parametrize(
    ("option", "value"),
    [("--smtp-encryption", "starttls_strict"), ("--max-email-size", "5")],
    ids=["starttls_strict", "max_email_size"],
)
def test_what_17_does_not_have_is_refused_before_anything_is_written(
    instance: Instance, option: str, value: str
) -> None:
    if instance.version != 17:
        pytest.skip("19 has both")
    words = ["--name", instance.name(), "--smtp-host", "mail.example.org", option, value]
    ran = instance.json("server", "create", *words)
    assert (ran.code, ran.error["code"]) == (2, "invalid-value")
    assert instance.all_of_test() == []


def test_a_refused_encryption_names_those_that_the_instance_has(some_instance: Instance) -> None:
    words = ["--name", some_instance.name(), "--smtp-host", "h", "--smtp-encryption", "tls"]
    message = some_instance.json("server", "create", *words).error["message"]
    assert "none" in message
    assert ("starttls_strict" in message) == (some_instance.version >= 19)


def test_19_refuses_a_certificate_that_it_does_not_trust(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    if some_instance.version < 19:
        pytest.skip("17 has no starttls_strict")
    words = (*some_instance.options(smtp.starttls_auth), "--smtp-encryption", "starttls_strict")
    ran = some_instance.json("server", "create", *words, SMTP_PASS=PASSWORD)
    assert (ran.code, ran.error["test"]["cause"]) == (1, "certificate-not-valid")


@pytest.mark.parametrize("active", [True, False], ids=["active", "archived"])
def test_a_name_that_exists_is_refused_with_its_id(
    instance: Instance, smtp: SmtpPeers, *, active: bool
) -> None:
    server_id = instance.add_server(smtp.plain, active=active)
    ran = instance.json("server", "create", *instance.options(smtp.plain))
    assert (ran.code, ran.error["code"]) == (1, "already-exists")
    assert str(server_id) in ran.error["message"]
    assert len(instance.all_of_test()) == 1


def test_force_makes_a_second_server_of_the_name(some_instance: Instance, smtp: SmtpPeers) -> None:
    some_instance.add_server(smtp.plain)
    words = some_instance.options(smtp.plain)
    assert some_instance.run("server", "create", *words, "--force").code == 0
    assert len(some_instance.named()) == 2


def test_a_neutralized_database_gets_no_active_server(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    with some_instance.parameter("database.is_neutralized", "True"):
        ran = some_instance.json("server", "create", *some_instance.options(smtp.plain))
    assert (ran.code, ran.error["code"]) == (1, "unsafe-plan")
    assert some_instance.all_of_test() == []


def test_force_creates_on_a_neutralized_database(some_instance: Instance, smtp: SmtpPeers) -> None:
    with some_instance.parameter("database.is_neutralized", "True"):
        ran = some_instance.json("server", "create", *some_instance.options(smtp.plain), "--force")
    assert (ran.code, len(some_instance.named())) == (0, 1)


def test_certificate_and_key_are_taken_from_pem_files(
    instance: Instance, smtp: SmtpPeers, tmp_path: Path
) -> None:
    issued = trustme.CA().issue_cert("client.example.org")
    certificate, key = tmp_path / "client.pem", tmp_path / "client.key"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    words = [*instance.options(smtp.plain), "--smtp-authentication", "certificate", "--no-test"]
    words += ["--smtp-encryption", "starttls", "--smtp-ssl-certificate", str(certificate)]
    ran = instance.json("server", "create", *words, "--smtp-ssl-private-key", str(key))
    assert ran.code == 0, ran.err
    shown = ran.data["server"]
    assert (shown["smtp_ssl_certificate"], shown["smtp_ssl_private_key"]) == (True, True)


def test_a_person_is_asked_for_what_is_missing(some_instance: Instance, smtp: SmtpPeers) -> None:
    peer = smtp.plain_auth
    words = ("--smtp-port", str(peer.port), "--smtp-user", USER)
    with on_terminal(some_instance, "server", "create", *words) as terminal:
        terminal.read_until("Name: ")
        terminal.type(some_instance.name())
        terminal.read_until("SMTP Server: ")
        terminal.type(peer.host)
        terminal.read_until("Password (not shown): ")
        terminal.type(PASSWORD)
        assert terminal.finish() == 0, terminal.screen
    assert PASSWORD not in terminal.screen
    assert [made["smtp_pass"] for made in some_instance.named()] == [PASSWORD]


@pytest.mark.usefixtures("alone")
def test_what_the_change_means_for_routing_is_said_first(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    ran = some_instance.run("server", "create", *some_instance.options(smtp.plain))
    assert "becomes the default" in ran.err


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_connection_that_breaks_at_the_switch_leaves_no_server(
    faulty: tuple[Instance, Served], smtp: SmtpPeers, *, after: bool
) -> None:
    instance, sandbox = faulty
    switches = sandbox.database.switches
    breaking = switches.break_after if after else switches.break_before
    breaking["ir.mail_server.write"] = False
    ran = instance.json("server", "create", *instance.options(smtp.plain))
    assert (ran.code, ran.error["code"]) == (1, "unreachable")
    assert instance.all_of_test() == []


def test_a_connection_that_breaks_after_the_birth_leaves_no_server(
    faulty: tuple[Instance, Served], smtp: SmtpPeers
) -> None:
    instance, sandbox = faulty
    sandbox.database.switches.break_after["ir.mail_server.create"] = False
    ran = instance.json("server", "create", *instance.options(smtp.plain))
    assert (ran.code, ran.error["code"]) == (1, "unreachable")
    assert instance.all_of_test() == []


def test_a_candidate_that_cannot_be_removed_is_told(
    faulty: tuple[Instance, Served], smtp: SmtpPeers
) -> None:
    instance, sandbox = faulty
    sandbox.database.switches.break_before["ir.mail_server.unlink"] = False
    ran = instance.json("server", "create", *instance.options(smtp.refused))
    (left,) = instance.all_of_test()
    instance.records.call("ir.mail_server", "unlink", [left["id"]])
    assert (ran.code, ran.error["code"]) == (1, "test-failed")
    assert "may be left" in ran.error["hint"]


def test_a_server_that_ignores_a_value_is_not_left_active(
    faulty: tuple[Instance, Served], smtp: SmtpPeers
) -> None:
    instance, sandbox = faulty
    sandbox.database.switches.ignored_fields.add("sequence")
    ran = instance.json("server", "create", *instance.options(smtp.plain), "--sequence", "3")
    assert (ran.code, ran.error["code"]) == (1, "not-verified")
    assert instance.all_of_test() == []


def test_an_instance_without_its_database_is_busy_where_a_run_names_it(
    faulty: tuple[Instance, Served],
) -> None:
    instance, _sandbox = faulty
    named = Target(name="a", url=instance.url, database=instance.database, login=instance.login)
    words = ("--name", instance.name("new"), "--smtp-host", "h", "--no-test")
    with changing_instance(named):
        ran = instance.json("server", "create", *words, OPENSPP_DB="")
    assert (ran.code, ran.error["code"]) == (1, "busy")
    assert instance.records.servers() == []
