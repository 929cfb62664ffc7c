"""What every suite shares."""

import os
import signal
from pathlib import Path

import pytest

OWN_PREFIXES = ("OPENSPP_", "SMTP_")
OWN_NAMES = frozenset(
    {"REMOTE_MAILCFG_INVENTORY", "REMOTE_MAILCFG_TRUST_FILES", "COLUMNS", "NO_COLOR", "FORCE_COLOR"}
)


def pytest_configure() -> None:
    """Take Ctrl-C and the end of a terminal again, and with it every command that a test starts.

    A script that runs the suite in the background has the one ignored, nohup the other.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide this machine's own settings and proxies; the current folder and the state are empty."""
    for name in tuple(os.environ):
        if name.startswith(OWN_PREFIXES) or name in OWN_NAMES or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("remote_mailcfg.rpc.pace._PACES", {})  # ports are used again
    current = tmp_path / "current"
    current.mkdir()
    monkeypatch.chdir(current)
