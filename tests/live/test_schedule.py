"""What `schedule` prints is right for systemd and cron themselves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.debian import obtain

#: Words that systemd or cron could take for something of their own.
OPTIONS = ("--all", "-q", "-t", "50% of $HOME", "-t", 'say "it\'s" \\ $(id)', "-t", ";")


@pytest.fixture(autouse=True)
def _nothing_is_left() -> None:
    """Ask no instance: these tests need none."""


def program(package: str, path: str) -> str:
    try:
        return obtain(package, path)
    except RuntimeError as error:
        pytest.skip(str(error))


def crontab() -> str:
    """Return the crontab program, with the folder that the package's installation makes."""
    path = program("cron", "usr/bin/crontab")
    Path("/var/spool/cron/crontabs").mkdir(parents=True, exist_ok=True)
    return path


def printed(*words: str, folder: Path) -> str:
    started = Path(sys.executable).with_name("remote-mailcfg")
    ran = subprocess.run(
        [started, "schedule", *words, "--secret", "OPENSPP_API_KEY", "--", *OPTIONS],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return ran.stdout


def checked(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "LANG": "C"}, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "100% mail"
    path.mkdir()
    return path


def units(text: str, folder: Path) -> list[Path]:
    """Write each unit into the file that its first line names."""
    paths = []
    for part in text.split("# /etc/systemd/system/")[1:]:
        name, _, content = part.partition("\n")
        paths.append(folder / name)
        paths[-1].write_text(content)
    return paths


@pytest.mark.parametrize("at", ["06:30", ":15"])
def test_systemd_finds_nothing_wrong(folder: Path, at: str) -> None:
    analyze = program("systemd", "usr/bin/systemd-analyze")
    paths = units(printed("systemd", "--at", at, folder=folder), folder)
    assert [it.suffix for it in paths] == [".service", ".timer"]

    ran = checked(analyze, "verify", *paths)

    assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", "")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("OnCalendar=", "OnCalendar=every "),
        ("NoNewPrivileges=yes", "NoNewPrivileges=perhaps"),
        ("ProtectSystem=", "ProtectSytem="),
    ],
)
def test_systemd_finds_what_is_wrong(folder: Path, right: str, wrong: str) -> None:
    analyze = program("systemd", "usr/bin/systemd-analyze")
    text = printed("systemd", folder=folder).replace(right, wrong)

    assert checked(analyze, "verify", *units(text, folder)).stderr != ""


def test_systemd_knows_when_it_is(folder: Path) -> None:
    analyze = program("systemd", "usr/bin/systemd-analyze")
    text = printed("systemd", "--at", ":15", folder=folder)
    (calendar,) = [line for line in text.splitlines() if line.startswith("OnCalendar=")]

    ran = checked(analyze, "calendar", calendar.removeprefix("OnCalendar="))

    assert ran.returncode == 0, ran.stderr
    assert ":15:00" in ran.stdout


def test_cron_finds_nothing_wrong(folder: Path) -> None:
    file = folder / "crontab"
    file.write_text(printed("cron", folder=folder))

    ran = checked(crontab(), "-n", file)

    assert ran.returncode == 0, ran.stderr
    assert "successfully" in ran.stdout + ran.stderr


def test_cron_finds_what_is_wrong(folder: Path) -> None:
    file = folder / "crontab"
    file.write_text(printed("cron", folder=folder).replace("0 6 ", "0 66 "))

    assert checked(crontab(), "-n", file).returncode != 0
