"""From references to secrets: looked up when they are needed, once a run, and never stored."""

import re
import shlex
import subprocess
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from remote_mailcfg.config.environment import Environment
from remote_mailcfg.config.secret_reference import load_keyring
from remote_mailcfg.config.trust import read_file
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.secret import Secret

KINDS: Final = "env:NAME, file:PATH, keyring:SERVICE/USER, command:ARGUMENTS or prompt:"
#: What stands for the instance's name in the references of an inventory.
NAME_PLACE: Final = "{name}"
COMMAND_TIMEOUT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why there is no secret. A value: an exception would carry what was read along with it."""

    problem: str
    hint: str = ""


_Found = Secret | _Failure


def check_reference(text: str) -> str | None:
    """Return what is wrong with the form of a reference, to follow its name; None: nothing.

    The text is not repeated: it may be a secret that somebody wrote down.
    """
    kind, _, place = text.partition(":")
    match kind:
        case "env":
            right = re.fullmatch(r"\w+", place, re.ASCII) is not None
        case "file":
            right = bool(place.strip())
        case "keyring":
            right = re.fullmatch(r"[^/]+/[^/]+", place) is not None
        case "command":
            right = bool(_split(place))
        case "prompt":
            right = ":" in text
        case _:
            right = False
    return None if right else f"is not a reference to a secret: {KINDS}"


def show_reference(reference: str) -> str:
    """Return a reference as it may be shown: of a command its name alone."""
    kind, _, place = reference.partition(":")
    if kind != "command":
        return reference
    name, *arguments = _split(place)
    return f"command:{name}" + (" …" if arguments else "")


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # a quotation that is not closed
        return []


class Secrets:
    """Looks up secrets for many threads; each reference is resolved once, also one that fails.

    `ask` asks a person, who types unseen; None where nobody can be asked.
    """

    def __init__(self, environment: Environment, *, ask: Callable[[str], str] | None) -> None:
        self._environment = environment
        self._ask = ask
        self._found: dict[tuple[str, ...], Future[_Found]] = {}
        self._lock = Lock()
        self._person = Lock()  # who answers one question at a time, a keyring's as well

    def resolve(self, reference: str, *, folder: Path, what: str) -> Secret:
        """Return the secret that a reference points to; files are relative to `folder`.

        `what` is the secret's name in an error and in a question. The same question is asked once.
        Raises `ConfigurationError`.
        """
        if problem := check_reference(reference):
            raise ConfigurationError(
                "configuration",
                f"{what} {problem}",
                "A secret itself never stands in a file or on the command line.",
            )
        found = self._once(reference, folder, what)
        if isinstance(found, _Failure):
            raise ConfigurationError(
                "configuration",
                f"{what}: {show_reference(reference).rstrip(':')}: {found.problem}",
                found.hint,
            )
        return found

    def _once(self, reference: str, folder: Path, what: str) -> _Found:
        kind = reference.partition(":")[0]
        key = (reference, what if kind == "prompt" else str(folder))
        with self._lock:
            is_first = key not in self._found
            future = self._found.setdefault(key, Future())
        if is_first:
            try:
                future.set_result(self._resolve(reference, folder, what))
            except BaseException as error:  # Ctrl-C as well: others wait for this
                future.set_exception(error)
                raise
        return future.result()

    def _resolve(self, reference: str, folder: Path, what: str) -> _Found:
        kind, _, place = reference.partition(":")
        match kind:
            case "env":
                return self._from_environment(place)
            case "file":
                return _from_file(folder / Path(place).expanduser())
            case "command":
                return _from_command(_split(place), folder)
            case "keyring":
                with self._person:
                    return _from_keyring(*place.split("/"))
            case _:
                with self._person:
                    return self._from_person(place.strip() or what)

    def _from_environment(self, name: str) -> _Found:
        try:
            secret = self._environment.secret(name)
        except ConfigurationError as error:
            return _Failure(error.message, error.hint)
        if not secret:
            return _Failure(
                f"{name} is not set", f"Set {name} or {name}_FILE in the environment or in .env."
            )
        return secret

    def _from_person(self, question: str) -> _Found:
        if self._ask is None:
            return _Failure(
                "it is asked for on a terminal, and there is none here",
                "Run the command on a terminal, or use another kind of reference.",
            )
        answer = self._ask(question)
        return Secret(answer) if answer else _Failure("nothing was entered")


def _from_file(path: Path) -> _Found:
    try:
        file = read_file(path)
    except OSError as error:
        return _Failure(f"{path} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        return _Failure(f"{path} is not a text in UTF-8")
    if not file.owner_only:
        return _Failure(
            "others than its owner can read the file", f"chmod 600 {shlex.quote(str(path))}"
        )
    if file.distrust:
        return _Failure(file.distrust.problem, file.distrust.hint)
    text = file.text.removesuffix("\n").removesuffix("\r")
    return Secret(text) if text.strip() else _Failure(f"{path} is empty")


def _from_keyring(service: str, user: str) -> _Found:
    try:
        keyring = load_keyring(what="secrets")
    except ConfigurationError as error:
        return _Failure(error.message, error.hint)
    try:
        text = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        return _Failure(f"the keyring refuses it: {error}")
    if not text:
        return _Failure(
            "the keyring has no such entry", f"keyring set {shlex.quote(service)} {user}"
        )
    return Secret(text)


def _from_command(arguments: list[str], folder: Path) -> _Found:
    by_hand = (
        f"Run the command by hand in {folder} to see why. What it prints is not shown: it may hold"
        " the secret."
    )
    try:
        ran = subprocess.run(  # noqa: S603 - what the user's own file says, without a shell
            arguments,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_TIMEOUT_SECONDS,
            check=False,
        )
        line = ran.stdout.decode().partition("\n")[0].removesuffix("\r")
    except OSError as error:
        return _Failure(f"the command cannot be run: {error.strerror}", by_hand)
    except subprocess.TimeoutExpired:
        return _Failure(f"the command took longer than {COMMAND_TIMEOUT_SECONDS:.0f} s", by_hand)
    except UnicodeDecodeError:
        return _Failure("what the command printed is not a text in UTF-8", by_hand)
    if ran.returncode:
        return _Failure(f"the command ended with exit code {ran.returncode}", by_hand)
    return Secret(line) if line.strip() else _Failure("the command printed nothing", by_hand)
