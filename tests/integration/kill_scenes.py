"""What an apply does that is killed on the way: each kind of change, on an instance of its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from remote_mailcfg.sandbox.smtp_servers import SmtpPeer, SmtpPeers
from tests.integration.instance import Instance
from tests.killed import Promise, killed, records, requests_of
from tests.pass_through import Where

ACTIONS = ["name", "ilike", "remote-mailcfg action"]
Scene = Callable[[Instance, SmtpPeers], tuple[str, list[dict[str, Any]], set[int]]]


def _entry(peer: SmtpPeer, name: str, **values: Any) -> dict[str, Any]:
    given = {"key": "main", "name": name, "smtp_host": peer.host, "smtp_port": peer.port}
    secret = {"smtp_user": peer.user, "smtp_pass": "env:SMTP_PASS_MAIN"} if peer.user else {}
    return given | secret | values


def _file(*entries: dict[str, Any], policy: str = "") -> str:
    tables = [
        "\n".join(["[[mail_server]]", *(f"{k} = {json.dumps(v)}" for k, v in entry.items()), ""])
        for entry in entries
    ]
    return policy + "\n".join(tables)


def _right(peer: SmtpPeer) -> dict[str, Any]:
    return {
        "smtp_host": peer.host,
        "smtp_port": peer.port,
        "smtp_user": peer.user or False,
        "smtp_pass": peer.password or False,
        "smtp_encryption": "none",
        "from_filter": False,
    }


def create(instance: Instance, smtp: SmtpPeers) -> tuple[str, list[dict[str, Any]], set[int]]:
    return _file(_entry(smtp.plain_auth, instance.name())), [_right(smtp.plain_auth)], set()


def adopt(instance: Instance, smtp: SmtpPeers) -> tuple[str, list[dict[str, Any]], set[int]]:
    instance.add_server(smtp.plain)
    return _file(_entry(smtp.plain_auth, instance.name())), [_right(smtp.plain_auth)], set()


def update(instance: Instance, smtp: SmtpPeers) -> tuple[str, list[dict[str, Any]], set[int]]:
    """Change the password and the name of a server that is marked."""
    server_id = instance.add_server(smtp.plain_auth, smtp_pass="0ld", name=instance.name("old"))
    values = {
        "module": "remote_mailcfg",
        "name": "main",
        "model": "ir.mail_server",
        "res_id": server_id,
    }
    instance.records.call("ir.model.data", "create", values)
    return _file(_entry(smtp.plain_auth, instance.name())), [_right(smtp.plain_auth)], set()


def archive(instance: Instance, smtp: SmtpPeers) -> tuple[str, list[dict[str, Any]], set[int]]:
    """Put one server in the place of another."""
    old = instance.add_server(smtp.plain, name=instance.name("old"))
    text = _file(
        _entry(smtp.plain_auth, instance.name()),
        _entry(smtp.plain, instance.name("old"), key="old", active=False),
    )
    return text, [_right(smtp.plain_auth)], {old}


SCENES: dict[str, Scene] = {it.__name__: it for it in (create, adopt, update, archive)}


def prepare(
    scene: Scene, instance: Instance, smtp: SmtpPeers, folder: Path
) -> tuple[list[str], Promise]:
    """Set the scene; return the command and what must hold."""
    text, right, archives = scene(instance, smtp)
    file = folder / "mail-servers.toml"
    file.write_text(text)
    promise = Promise(records(instance), tuple(right), frozenset(archives))
    return ["apply", str(file), "--yes"], promise


def count(scene: Scene, instance: Instance, smtp: SmtpPeers, folder: Path) -> int:
    """Return how many requests the apply of a scene makes."""
    words, _promise = prepare(scene, instance, smtp, folder)
    return requests_of(instance, words)


def kill_and_recover(
    scene: Scene, instance: Instance, smtp: SmtpPeers, folder: Path, *, number: int, where: Where
) -> bool:
    """Kill an apply at a request, look, apply again, look; False: it makes fewer requests."""
    words, promise = prepare(scene, instance, smtp, folder)
    with killed(instance, words, number, where) as behind:
        if behind is None:
            return False
        promise.check(behind, clean=False)
        again = behind.json(*words)
        assert again.code == 0, again.out + again.err
        promise.check(behind, clean=True)
        done = behind.json("plan", words[1])
        assert done.code == 0, done.out
    actions = instance.records.call("ir.actions.server", "search", domain=[ACTIONS])
    assert actions == []
    return True


def overtake(
    instance: Instance, smtp: SmtpPeers, elsewhere: Path, *, number: int, where: Where
) -> str | None:
    """Kill a change, let another machine change the server an hour later, then change another one.

    Checks that what the other machine wrote stays, and returns how the killed run ended; None: it
    makes fewer requests. `SMTP_PASS` is the one that the mail servers take.
    """
    server_id = instance.add_server(smtp.plain)
    beside = instance.add_server(smtp.plain, name=instance.name("beside"))
    change = ["server", "update", str(server_id), *instance.options(smtp.plain_auth)]
    with killed(instance, change, number, where) as behind:
        if behind is None:
            return None
        for row in instance.records.servers(["name", "ilike", "remote-mailcfg candidate "]):
            name = f"remote-mailcfg candidate 20260101T000000Z-abcdef: {instance.name()}"
            instance.records.call("ir.mail_server", "write", [row["id"]], {"name": name})
        words = [
            *change[:3],
            *instance.options(smtp.starttls_auth),
            "--smtp-encryption",
            "starttls",
        ]
        other = instance.json(*words, XDG_STATE_HOME=str(elsewhere))
        assert other.code == 0, other.out + other.err
        left = instance.server(server_id)

        words = ["server", "update", str(beside), "--sequence", "77"]
        unrelated = behind.json(*words, SMTP_PASS="")

        assert unrelated.code == 0, unrelated.out + unrelated.err
        assert instance.server(server_id) == left
        runs = behind.json("runs").data["runs"]
        state: str = runs[1]["state"] if len(runs) > 1 else "none"
        names = [row["name"] for row in instance.all_of_test()]
        assert [name for name in names if "candidate" in name] == []
        backups = 2 if state == "done" else 1  # the other machine's, and of a run that had ended
        assert sum("backup" in name for name in names) == backups
        told = f"'{instance.name()}' is not as the run found or wanted it: last written by "
        assert (told in unrelated.err) is (state == "superseded")
        return state
