"""`remote-mailcfg demo`, from start to end."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from remote_mailcfg.cli import demo as demo_module
from remote_mailcfg.cli.demo import Step
from remote_mailcfg.cli.main import app
from remote_mailcfg.sandbox.database import ADMIN
from remote_mailcfg.sandbox.smtp_servers import PASSWORD
from tests import canaries
from tests.integration.instance import Ran

MOST_SECONDS = 90  # eighteen commands, on a machine that does other things, too


@dataclass(frozen=True, slots=True)
class Shown:
    """How a demo ended."""

    code: int
    out: str
    err: str
    seconds: float


def _run(environment: dict[str, str], folder: Path) -> Shown:
    began = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-m", "remote_mailcfg", "demo"],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return Shown(ran.returncode, ran.stdout, ran.stderr, time.monotonic() - began)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """Run it once where the user has settings of his own, which it must not see."""
    folder = tmp_path_factory.mktemp("user")
    own = {"OPENSPP_URL": "http://127.0.0.1:9", "OPENSPP_PASSWORD": canaries.PASSWORD}
    (folder / ".env").write_text(f"OPENSPP_API_KEY={canaries.API_KEY}\nSMTP_HOST=nowhere\n")
    state = {"XDG_STATE_HOME": str(folder / "state")}
    return _run({**os.environ, **own, **state, "SMTP_PASS": canaries.SMTP_PASSWORD}, folder)


@pytest.fixture
def demo_in_process(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run it in this process with other steps."""

    def run(*steps: Step) -> Ran:
        monkeypatch.setattr(demo_module, "STEPS", steps)
        result = CliRunner().invoke(app, ["demo"], catch_exceptions=False)
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


def test_it_ends_well_and_soon(demo: Shown) -> None:
    assert (demo.code, demo.err) == (0, "")
    assert demo.seconds < MOST_SECONDS


def test_it_ends_with_the_mail_that_arrived(demo: Shown) -> None:
    last = demo.out.splitlines()[-1]

    assert last.startswith("received: from admin@example.org to you@example.org: Test mail")


def test_it_shows_each_command_with_what_it_is_for(demo: Shown) -> None:
    commands = [line[2:] for line in demo.out.splitlines() if line.startswith("$ ")]

    assert [" ".join(it.split()[1:3]) for it in commands] == [
        "check",
        "debug on",
        "server create",
        "server list",
        "server create",
        "server test",
        "server send",
        "export mail-servers.toml",
        "server update",
        "plan mail-servers.toml",
        "apply mail-servers.toml",
        "plan mail-servers.toml",
        "runs",
        "rollback --yes",
        "server list",
        "check",
        "debug off",
        "logout",
    ]


def test_a_wrong_password_is_refused_and_leaves_nothing_behind(demo: Shown) -> None:
    _, refused, nothing, *_ = demo.out.split("$ remote-mailcfg server ")

    assert "(authentication-refused), nothing was changed" in refused
    assert "\nerror: " in refused
    assert "\n  next: " in refused
    assert "No outgoing mail server." in nothing


def test_it_shows_no_secret(demo: Shown) -> None:
    secrets = (*canaries.CANARIES, ADMIN[1], PASSWORD)

    assert [it for it in secrets if it in demo.out + demo.err] == []


@pytest.mark.parametrize("environment", [{}, {"LC_ALL": "C"}], ids=["empty", "ascii"])
def test_it_needs_nothing_of_the_environment(environment: dict[str, str], tmp_path: Path) -> None:
    shown = _run(environment, tmp_path)

    assert (shown.code, shown.err) == (0, "")
    assert shown.out.splitlines()[-1].startswith("received: ")


def test_a_command_that_ends_otherwise_than_it_must_ends_the_demo(
    demo_in_process: Callable[..., Ran],
) -> None:
    wrong = Step("It finds no mail server.", "remote-mailcfg check", exit_code=0)

    ran = demo_in_process(wrong, Step("Never shown.", "remote-mailcfg logout"))

    assert ran.code == 1
    assert "`remote-mailcfg check` ended with exit code 1 instead of 0" in ran.err
    assert "in step 1 of 2: It finds no mail server." in ran.err
    assert "Never shown" not in ran.out


def test_a_demo_without_a_mail_has_failed(demo_in_process: Callable[..., Ran]) -> None:
    ran = demo_in_process()

    assert ran.code == 1
    assert "error: no mail arrived" in ran.err
