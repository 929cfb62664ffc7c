"""The proof of the sandbox: what real servers answered, asked of it again."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from remote_mailcfg.sandbox.odoo import make_odoo
from remote_mailcfg.sandbox.server import serve
from remote_mailcfg.sandbox.smtp_servers import SmtpPeers, smtp_peers
from tests.recorded import VERSIONS, Version, load
from tests.replay import scene_17, scene_19
from tests.replay.compare import differences
from tests.replay.left_out import LEFT_OUT_17, LEFT_OUT_19
from tests.replay.stage import SMTP_TIMEOUT_SECONDS, Change, Stage

MOST_LEFT_OUT = 120


@dataclass(frozen=True)
class Scene:
    """How one version was recorded; `ports` are those of its mail servers."""

    version: Any
    databases: tuple[str, ...]
    start: Change
    before: Mapping[str, Change]
    left_out: Mapping[str, str]
    ports: Callable[[SmtpPeers], dict[int, int]]


SCENES: dict[Version, Scene] = {
    "17.0": Scene(
        17,
        (scene_17.DATABASE,),
        scene_17.start,
        scene_17.BEFORE,
        LEFT_OUT_17,
        lambda peers: {
            2525: peers.plain.port,
            2526: peers.starttls_auth.port,
            2527: peers.tls_auth.port,
            2528: peers.plain_auth.port,
        },
    ),
    "19.0": Scene(
        19,
        (scene_19.DATABASE, "odoo19b"),
        scene_19.start,
        scene_19.BEFORE,
        LEFT_OUT_19,
        lambda peers: {
            2535: peers.plain.port,
            2536: peers.starttls_auth.port,
            2537: peers.tls_auth.port,
            2538: peers.plain_auth.port,
        },
    ),
}


def is_left_out(version: Version, number: int) -> bool:
    name = load(version)[number].name
    return any(
        key in {name, label(version, number)} or (key[-1] == "*" and name.startswith(key[:-1]))
        for key in SCENES[version].left_out
    )


def label(version: Version, number: int) -> str:
    return f"{number:03}-{load(version)[number].name}"


@functools.cache
def replayed(version: Version) -> dict[str, list[str]]:
    """Replay a version's exchanges in order; return what differs, by exchange."""
    scene, found, changed = SCENES[version], {}, set()
    odoo = make_odoo(scene.version, scene.databases, smtp_timeout_seconds=SMTP_TIMEOUT_SECONDS)
    with smtp_peers(user="mailer", password="s3cret") as peers, serve({"odoo": odoo}) as (served,):
        stage = Stage(served, peers, scene.ports(peers))
        scene.start(stage)
        for number, exchange in enumerate(load(version)):
            if exchange.name in scene.before and exchange.name not in changed:
                scene.before[exchange.name](stage)
                changed.add(exchange.name)
            if not is_left_out(version, number):
                found[label(version, number)] = differences(
                    exchange.response, *stage.play(exchange)
                )
    assert changed == scene.before.keys()
    return found


@pytest.mark.parametrize(
    ("version", "exchange"),
    [
        pytest.param(version, label(version, number), id=f"{version}-{label(version, number)}")
        for version in VERSIONS
        for number in range(len(load(version)))
        if not is_left_out(version, number)
    ],
)
def test_the_sandbox_answers_as_the_real_server_did(version: Version, exchange: str) -> None:
    assert replayed(version)[exchange] == []


def test_few_exchanges_are_left_out_and_each_is_there() -> None:
    numbers = [(version, it) for version in VERSIONS for it in range(len(load(version)))]

    assert len([it for it in numbers if is_left_out(*it)]) < MOST_LEFT_OUT
    for version, scene in SCENES.items():
        names = {name for it in range(len(load(version))) for name in _names(version, it)}
        for key in scene.left_out:
            assert [it for it in names if it.startswith(key.removesuffix("*"))], key


def _names(version: Version, number: int) -> tuple[str, str]:
    return load(version)[number].name, label(version, number)
