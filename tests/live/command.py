"""Run the program as its users do: a process of its own, described by its environment."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEADLINE_SECONDS = 110

#: Settings of the machine that the program must not see.
HIDDEN = ("OPENSPP_", "SMTP_", "REMOTE_MAILCFG_")


@dataclass(frozen=True, slots=True)
class Ran:
    """How one run with `-o json` ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        """The only result in the envelope."""
        (result,) = json.loads(self.stdout)["results"]
        return dict(result)

    @property
    def data(self) -> dict[str, Any]:
        """What a run that succeeded found."""
        assert self.exit_code == 0, self
        return dict(self.result["data"])

    @property
    def error(self) -> dict[str, Any]:
        """What is wrong."""
        assert self.exit_code != 0, self
        return dict(self.result["error"])


@dataclass(frozen=True, slots=True)
class Command:
    """The program with these settings, in a folder that holds its state."""

    folder: Path
    settings: Mapping[str, str]

    def with_settings(self, **settings: object) -> "Command":
        """Return the program with some settings changed; an empty one is as if not given."""
        changed = {name: str(value) for name, value in settings.items()}
        return Command(self.folder, {**self.settings, **changed})

    def on_another_machine(self, folder: Path) -> "Command":
        """Return the program with a state folder of its own."""
        return Command(folder, self.settings)

    def run(self, *words: str) -> Ran:
        """Run one command to its end."""
        with self.start(*words) as process:
            try:
                stdout, stderr = process.communicate(timeout=DEADLINE_SECONDS)
            except BaseException:
                process.kill()
                raise
        return Ran(process.returncode, stdout, stderr)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start one command; the caller ends it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "remote_mailcfg", *words, "-o", "json"],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def session_files(self) -> list[Path]:
        """Return the kept web sessions."""
        return sorted((self.folder / "state").glob("remote-mailcfg/sessions/*.json"))

    def cookie(self) -> str:
        """Return the session id of the only kept web session."""
        (file,) = self.session_files()
        return str(json.loads(file.read_text())["cookies"]["session_id"])

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(HIDDEN) and not name.lower().endswith("_proxy")
        }
        return kept | {"XDG_STATE_HOME": str(self.folder / "state")} | dict(self.settings)
