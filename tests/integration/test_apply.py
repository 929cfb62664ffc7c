"""A file of mail servers is carried out on instances that send through real mail servers."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from remote_mailcfg.sandbox.server import Served
from remote_mailcfg.sandbox.smtp_servers import PASSWORD, SmtpPeer, SmtpPeers
from tests.integration.instance import Instance, Ran

WRONG = "wr0ng-Canary"
FIELDS = ("id", "name", "sequence", "smtp_host", "smtp_port", "smtp_user", "smtp_pass", "active")


def entry(peer: SmtpPeer, name: str, key: str = "main", **values: Any) -> str:
    given: dict[str, Any] = {"key": key, "name": name}
    given |= {"smtp_host": peer.host, "smtp_port": peer.port}
    if peer.user:
        given |= {"smtp_user": peer.user, "smtp_pass": "env:SMTP_PASS_MAIN"}
    lines = [f"{field} = {json.dumps(value)}" for field, value in (given | values).items()]
    return "\n".join(["[[mail_server]]", *lines, ""])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mail-servers.toml"


def apply(instance: Instance, file: Path, *words: str, password: str = PASSWORD) -> Ran:
    return instance.json("apply", str(file), "--yes", *words, SMTP_PASS_MAIN=password)


def plan(instance: Instance, file: Path) -> list[str]:
    ran = instance.json("plan", str(file), SMTP_PASS_MAIN=PASSWORD)
    return [change["action"] for change in ran.data["changes"]]


def rollback(instance: Instance, *words: str) -> Ran:
    return instance.json("rollback", "--yes", *words)


def marks(instance: Instance) -> dict[str, int]:
    rows = instance.records.call(
        "ir.model.data",
        "search_read",
        domain=[["module", "=", "remote_mailcfg"]],
        fields=["name", "res_id"],
    )
    return {row["name"]: row["res_id"] for row in rows}


def ours(instance: Instance) -> list[str]:
    return [row["name"] for row in instance.records.servers(["name", "ilike", "remote-mailcfg "])]


def test_a_new_server_is_proved_marked_and_switched_on(
    instance: Instance, smtp: SmtpPeers, file: Path
) -> None:
    file.write_text(entry(smtp.plain_auth, instance.name()))

    ran = apply(instance, file)

    assert ran.code == 0, ran.err
    (change,) = ran.data["changes"]
    assert (change["action"], change["outcome"]) == ("create", "done")
    assert change["test"]["ok"] is True
    (server,) = instance.named()
    assert server["active"] is True
    assert server["id"] == change["server"]["id"]
    assert server["smtp_pass"] == PASSWORD
    assert marks(instance) == {"main": server["id"]}
    assert ours(instance) == []


def test_what_was_applied_is_nothing_to_do(instance: Instance, smtp: SmtpPeers, file: Path) -> None:
    file.write_text(entry(smtp.plain_auth, instance.name()))
    apply(instance, file)

    ran = apply(instance, file)

    assert ran.code == 0, ran.err
    assert ran.data["run"] is None
    assert [change["action"] for change in ran.data["changes"]] == ["unchanged"]
    assert plan(instance, file) == ["unchanged"]


def test_the_second_apply_sends_no_write(
    faulty: tuple[Instance, Served], smtp: SmtpPeers, file: Path
) -> None:
    instance, sandbox = faulty
    file.write_text(entry(smtp.plain_auth, instance.name()))
    apply(instance, file)
    for method in ("write", "create", "copy", "unlink"):
        sandbox.database.switches.break_before |= {
            f"{model}.{method}": False for model in ("ir.mail_server", "ir.model.data")
        }

    assert apply(instance, file).code == 0
    assert "Nothing to do." in instance.run("apply", str(file), "--yes").out
    assert len(sandbox.database.switches.break_before) == 8  # none of them was called


def test_a_server_of_the_name_is_adopted_and_keeps_its_id(
    some_instance: Instance, smtp: SmtpPeers, file: Path
) -> None:
    instance = some_instance
    server_id = instance.add_server(smtp.plain_auth, sequence=50)
    file.write_text(entry(smtp.plain_auth, instance.name(), sequence=3))

    ran = apply(instance, file)

    assert ran.code == 0, ran.err
    assert ran.data["changes"][0]["action"] == "adopt"
    assert instance.server(server_id)["sequence"] == 3
    assert marks(instance) == {"main": server_id}


@pytest.mark.parametrize("method", ["create", "copy"])
def test_an_instance_that_answers_a_record_of_before_is_refused(
    faulty: tuple[Instance, Served], smtp: SmtpPeers, method: str
) -> None:
    instance, sandbox = faulty
    server_id = instance.add_server(smtp.plain)
    before = sandbox.database.servers.rows[server_id].copy()
    peer = smtp.plain_auth
    words = {
        "create": ["server", "create", *instance.options(peer, "new")],
        "copy": ["server", "update", str(server_id), "--smtp-port", str(peer.port)],
    }[method]
    sandbox.database.switches.odd_answers[f"ir.mail_server.{method}"] = server_id

    ran = instance.json(*words, SMTP_PASS=PASSWORD)

    assert (ran.code, ran.error["code"]) == (1, "not-verified")
    assert sandbox.database.servers.rows == {server_id: before}  # not even written
    assert instance.json("runs").data["runs"][0]["state"] == "failed"


def test_a_failing_test_leaves_everything_as_it_was(
    some_instance: Instance, smtp: SmtpPeers, file: Path
) -> None:
    instance = some_instance
    instance.add_server(smtp.plain, name=instance.name("first"))
    before = instance.all_of_test()
    file.write_text(
        entry(smtp.plain, instance.name("first"), "first", sequence=1)
        + entry(smtp.plain_auth, instance.name("second"), "second")
    )

    ran = apply(instance, file, password=WRONG)

    assert ran.code == 1
    assert ran.error["code"] == "test-failed"
    assert WRONG not in ran.out + ran.err
    outcomes = [change["outcome"] for change in ran.data["changes"]]
    assert outcomes == ["undone", "failed"]
    assert instance.all_of_test() == before
    assert marks(instance) == {}


def test_a_rollback_restores_every_field_and_the_password(
    instance: Instance, smtp: SmtpPeers, file: Path
) -> None:
    server_id = instance.add_server(smtp.plain_auth, sequence=9)
    before = instance.server(server_id)
    file.write_text(entry(smtp.tls_auth, instance.name(), smtp_encryption="ssl", sequence=2))
    applied = apply(instance, file, "--no-test", password=WRONG)
    assert applied.code == 0, applied.err
    assert instance.server(server_id)["smtp_pass"] == WRONG

    ran = rollback(instance)

    assert ran.code == 0, ran.err
    assert ran.data["undoes"] == applied.data["run"]
    assert instance.server(server_id) == before
    assert instance.json("server", "test", str(server_id)).code == 0
    assert marks(instance) == {}
    assert ours(instance) == []


def test_a_rollback_of_a_first_apply_leaves_no_server(
    some_instance: Instance, smtp: SmtpPeers, file: Path
) -> None:
    instance = some_instance
    file.write_text(entry(smtp.plain_auth, instance.name()))
    apply(instance, file)

    ran = rollback(instance)

    assert ran.code == 0, ran.err
    assert [change["action"] for change in ran.data["changes"]] == ["delete"]
    assert instance.all_of_test() == []


@pytest.mark.usefixtures("one_second")
def test_the_changes_of_the_demo_within_one_second_are_undone_in_order(
    some_instance: Instance, smtp: SmtpPeers, file: Path
) -> None:
    instance, peer = some_instance, smtp.plain_auth
    file.write_text(entry(peer, instance.name(), sequence=10))
    create = ["server", "create", "--name", instance.name(), "--smtp-host", peer.host]
    create += ["--smtp-port", str(peer.port), "--smtp-user", peer.user or ""]
    runs = [
        instance.json(*create, SMTP_PASS=PASSWORD),
        instance.json("server", "update", instance.name(), "--sequence", "99"),
        apply(instance, file),
    ]
    assert [ran.code for ran in runs] == [0, 0, 0]

    listed = [run["run"] for run in instance.json("runs").data["runs"]]
    undone = [rollback(instance) for _ in range(2)]

    assert listed == [ran.data["run"] for ran in reversed(runs)]
    assert [ran.data["undoes"] for ran in undone] == listed[:2]


def test_a_run_can_be_rolled_back_once(
    some_instance: Instance, smtp: SmtpPeers, file: Path
) -> None:
    instance = some_instance
    file.write_text(entry(smtp.plain, instance.name()))
    run = apply(instance, file).data["run"]
    rollback(instance)

    again, named = rollback(instance), rollback(instance, run)

    assert (again.code, again.error["code"]) == (1, "not-found")
    assert (named.code, named.error["code"]) == (1, "stale-plan")


def test_server_commands_are_runs_that_can_be_rolled_back(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    instance = some_instance
    server_id = instance.add_server(smtp.plain_auth)
    instance.add_server(smtp.plain, name=instance.name("other"))
    before = instance.server(server_id)
    words: list[tuple[list[str], dict[str, str]]] = [
        (["server", "update", str(server_id), "--sequence", "77"], {}),
        (["server", "update", str(server_id), "--no-test", "--smtp-pass"], {"SMTP_PASS": WRONG}),
        (["server", "archive", str(server_id)], {}),
    ]
    for command, variables in words:
        if "--smtp-pass" in command:
            command.remove("--smtp-pass")
        ran = instance.json(*command, **variables)
        assert ran.code == 0, ran.err
        assert instance.server(server_id) != before

        undone = rollback(instance)

        assert undone.code == 0, undone.err
        assert undone.data["undoes"] == ran.data["run"]
        assert instance.server(server_id) == before


@pytest.fixture
def journal(some_instance: Instance, smtp: SmtpPeers, file: Path) -> Path:
    """The journal of a run that made a server."""
    file.write_text(entry(smtp.plain, some_instance.name()))
    run = apply(some_instance, file).data["run"]
    (path,) = Path(os.environ["XDG_STATE_HOME"]).rglob(f"{run}.jsonl")
    return path


def test_a_run_whose_journal_is_torn_is_put_right_once_and_undoes_nothing_after(
    some_instance: Instance, journal: Path
) -> None:
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-2]) + lines[-2][:20])

    ran = [
        some_instance.json("server", "update", some_instance.name(), "--sequence", str(number))
        for number in (3, 4, 5)
    ]

    assert [it.code for it in ran] == [0, 0, 0]
    assert ["was cut off" in it.err for it in ran] == [True, False, False]
    assert f"the journal {journal} has a line that was cut short" in ran[0].err
    assert some_instance.named()[0]["sequence"] == 5


def test_a_damaged_journal_is_named_and_refuses_changes(
    some_instance: Instance, journal: Path
) -> None:
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:2], lines[2][:20], *lines[3:]]))
    damaged, before = journal.read_bytes(), some_instance.all_of_test()

    reads = [some_instance.run("runs"), some_instance.run("server", "list")]
    changes = [
        some_instance.json("server", "update", some_instance.name(), "--sequence", "3"),
        rollback(some_instance),
        rollback(some_instance, journal.stem),
        some_instance.json("runs", "forget", journal.stem),
    ]

    for read in reads:
        assert read.code == 0
        assert str(journal) in read.err
    assert "damaged" in reads[0].out
    assert [ran.code for ran in changes] == [1, 1, 1, 1]
    assert changes[0].error["code"] == "journal-failed"
    assert str(journal) in changes[0].error["message"]
    assert some_instance.all_of_test() == before
    assert journal.read_bytes() == damaged


def test_a_deleted_server_comes_back_with_its_password_under_a_new_id(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    instance = some_instance
    server_id = instance.add_server(smtp.plain_auth)
    instance.add_server(smtp.plain, name=instance.name("other"))
    before = instance.server(server_id)
    assert instance.json("server", "delete", str(server_id), "--yes").code == 0

    ran = rollback(instance)

    assert ran.code == 0, ran.err
    (server,) = instance.named()
    assert server["id"] != server_id
    assert {**server, "id": server_id} == before
    assert ours(instance) == []
