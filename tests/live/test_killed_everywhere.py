"""An apply that is killed at any request is put right by the next: every request on sandboxes.

And a sample of them on the real server.
"""

import random
import secrets
from pathlib import Path

import pytest

from remote_mailcfg.sandbox.database import ADMIN
from remote_mailcfg.sandbox.smtp_servers import PASSWORD, SmtpPeers
from tests.integration.instance import Instance
from tests.integration.kill_scenes import SCENES, count, kill_and_recover, overtake
from tests.live.odoo import Odoo
from tests.pass_through import Where
from tests.sandbox import sandbox

MARK = [["module", "=", "remote_mailcfg"]]
SAMPLE = 4
WHERE: tuple[Where, ...] = ("request", "answer")
#: Requests of an update: its copy, its test, before and at its write, its clean-up, more than all.
KILLED_AT = (9, 11, 12, 13, 15, 40)


@pytest.fixture(autouse=True)
def _clean(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - it acts
    monkeypatch.setenv("SMTP_PASS_MAIN", PASSWORD)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("where", ["request", "answer"])
@pytest.mark.parametrize("scene", SCENES)
def test_every_request_of_an_apply_may_be_its_last(
    peers: SmtpPeers, tmp_path: Path, scene: str, where: Where
) -> None:
    number, going = 0, True
    while going:
        number += 1
        with sandbox(19) as server:
            instance = Instance(
                url=server.url,
                database=server.database.name,
                login=ADMIN[0],
                password=ADMIN[1],
                api_key=server.database.add_api_key(ADMIN[0]),
                protocol="json2",
                version=19,
                token="killed",
                sandbox=server,
            )
            going = kill_and_recover(
                SCENES[scene], instance, peers, tmp_path, number=number, where=where
            )
    assert number > 15


@pytest.fixture
def real(local_odoo: Odoo) -> Instance:
    """The real server with no active mail server; what a test makes is removed by `clear`."""
    return Instance(
        url=local_odoo.url,
        database=local_odoo.database,
        login=local_odoo.login,
        password=local_odoo.password,
        api_key=local_odoo.api_key,
        protocol="json2" if local_odoo.version() >= 19 else "jsonrpc",
        version=local_odoo.version(),
        token=f"mailcfg-test-{secrets.token_hex(4)}",
    )


def clear(instance: Instance) -> None:
    """Remove the mail servers and marks of a test."""
    ids = [row["id"] for row in instance.all_of_test()]
    if ids:
        instance.records.call("ir.mail_server", "unlink", ids)
    marks = instance.records.call("ir.model.data", "search", domain=MARK)
    if marks:
        instance.records.call("ir.model.data", "unlink", marks)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scene", SCENES)
def test_a_real_server_is_put_right_after_a_kill(
    real: Instance, peers: SmtpPeers, tmp_path: Path, scene: str
) -> None:
    real.records.credential = real.api_key  # a password costs the server half a second
    try:
        total = count(SCENES[scene], real, peers, tmp_path)
        clear(real)
        for number in random.Random(2).sample(range(2, total + 1), SAMPLE):
            for where in ("request", "answer"):
                assert kill_and_recover(
                    SCENES[scene], real, peers, tmp_path, number=number, where=where
                )
                clear(real)
    finally:
        clear(real)


@pytest.mark.timeout(600)
def test_what_another_machine_wrote_after_a_kill_is_left_on_a_real_server(
    real: Instance, peers: SmtpPeers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_PASS", PASSWORD)
    real.records.credential = real.api_key
    states: list[str | None] = []
    try:
        for number in KILLED_AT:
            for where in WHERE:
                states.append(
                    overtake(real, peers, tmp_path / "elsewhere", number=number, where=where)
                )
                clear(real)
    finally:
        clear(real)
    assert {"failed", "superseded", None} <= set(states)
    assert set(states) <= {"failed", "superseded", "done", None}
