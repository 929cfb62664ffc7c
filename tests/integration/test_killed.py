"""An apply that is killed at any request is put right by the next one: a sample of all of them.

`tests/live/test_killed_everywhere.py` has every request of every scene.
"""

import random
from pathlib import Path
from typing import Any

import pytest

from remote_mailcfg.sandbox.smtp_servers import PASSWORD, SmtpPeers
from tests.integration.instance import Instance
from tests.integration.kill_scenes import SCENES, kill_and_recover
from tests.pass_through import Where

#: No apply makes more, and those that it does not make are told so.
MOST_REQUESTS = 34
SAMPLE = 3


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
