"""An apply that is killed at any request is put right by the next one: a sample of all of them.

`tests/live/test_killed_everywhere.py` has every request of every scene.
"""

import random
from pathlib import Path
from typing import Any

import pytest

from remote_mailcfg.sandbox.smtp_servers import PASSWORD, SmtpPeers
from tests.integration.instance import Instance
from tests.integration.kill_scenes import SCENES, kill_and_recover, overtake, prepare
from tests.integration.terminal import on_terminal
from tests.killed import killed
from tests.pass_through import Where

#: No apply makes more, and those that it does not make are told so.
MOST_REQUESTS = 34
SAMPLE = 3
#: A request when the candidate is there and not switched on yet, by version.
KILLED_AT = {17: 14, 19: 12}
#: The request of an update that writes the live record.
WRITES = 13


def sample() -> list[Any]:
    """Return some requests of each scene, always the same ones."""
    chosen = random.Random(1)
    return [
        pytest.param((name, number, where), id=f"{name}-{number}-{where}")
        for name in SCENES
        for number in sorted(chosen.sample(range(5, MOST_REQUESTS - 10), SAMPLE))
        for where in [chosen.choice(["request", "answer"])]
    ]


@pytest.mark.parametrize("kill", sample())
def test_an_apply_that_is_killed_is_put_right_by_the_next(
    some_instance: Instance,
    smtp: SmtpPeers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kill: tuple[str, int, Where],
) -> None:
    scene, number, where = kill
    monkeypatch.setenv("SMTP_PASS_MAIN", PASSWORD)

    assert kill_and_recover(
        SCENES[scene], some_instance, smtp, tmp_path, number=number, where=where
    )


def test_a_killed_run_is_noticed_by_the_next_command(
    some_instance: Instance, smtp: SmtpPeers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_PASS_MAIN", PASSWORD)
    words, _promise = prepare(SCENES["create"], some_instance, smtp, tmp_path)
    with killed(some_instance, words, KILLED_AT[some_instance.version], "answer") as behind:
        assert behind is not None
        (run,) = behind.json("runs").data["runs"]

        read = behind.run("server", "list")
        changed = behind.json("server", "create", *behind.options(smtp.plain, "other"))

        assert run["state"] == "cut off"
        assert f"run {run['run']} (apply) was cut off; the next change here" in read.err
        assert f"run {run['run']} was cut off: create" in changed.err
        assert changed.code == 0
        states = {it["run"]: it["state"] for it in behind.json("runs").data["runs"]}
        assert states == {run["run"]: "failed", changed.data["run"]: "done"}


def test_a_person_is_asked_before_a_killed_run_is_put_right(
    some_instance: Instance, smtp: SmtpPeers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_PASS_MAIN", PASSWORD)
    words, _promise = prepare(SCENES["create"], some_instance, smtp, tmp_path)
    with killed(some_instance, words, KILLED_AT[some_instance.version], "answer") as behind:
        assert behind is not None
        for answer, state in (("n", "cut off"), ("y", "failed")):
            with on_terminal(behind, "apply", words[1]) as terminal:
                terminal.read_until_asked("was cut off.")
                terminal.type(answer)
                if answer == "y":
                    terminal.read_until_asked("Make 1 change(s)")
                    terminal.type("n")
                assert terminal.finish() == 0, terminal.screen
            assert behind.json("runs").data["runs"][-1]["state"] == state


@pytest.mark.parametrize("where", ["request", "answer"])
def test_what_another_machine_wrote_after_a_kill_is_left(
    some_instance: Instance,
    smtp: SmtpPeers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: Where,
) -> None:
    monkeypatch.setenv("SMTP_PASS", PASSWORD)

    state = overtake(some_instance, smtp, tmp_path / "elsewhere", number=WRITES, where=where)

    assert state == "superseded"
