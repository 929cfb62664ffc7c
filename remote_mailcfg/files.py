"""The one writer of files: each is written whole or not at all, and none by mistake.

What a person names for an output is a new file. A saved plan or a report may take the place of one
of its own kind; a device, a pipe, a folder or a symbolic link is never replaced or followed.
"""

import contextlib
import errno
import os
import stat
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError

#: Names of the standard output, the one place that is no file and may be written to.
STDOUT: Final = frozenset({"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
#: So much of a file says of which kind it is.
HEAD_BYTES: Final = 4096
PRIVATE: Final = 0o600
#: What a file system says that has no hard links.
NO_LINKS: Final = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EMLINK}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file that a person named for an output; `option` is how, for errors.

    A file of its `own_kind`, told by how it begins, is replaced, an empty one as well; with `force`
    any file is. A `private` one is readable by its owner alone.
    """

    path: Path
    option: str = ""
    own_kind: Callable[[str], bool] | None = None
    force: bool = False
    private: bool = False

    def check(self) -> None:
        """Look that the file could be written, before the work; raises `ConfigurationError`."""
        if problem := self.problem():
            raise ConfigurationError("configuration", self._named(problem), self._hint())

    def write(self, text: str) -> None:
        """Write the file. Raises `not-saved`; what was there is as it was then."""
        try:
            self.put(text)
        except OSError as error:
            reason = str(error.strerror)
            is_whole = str(self.path) in reason
            problem = reason if is_whole else f"{self.path} cannot be written: {reason}"
            raise RemoteMailcfgError("not-saved", self._named(problem), self._hint()) from error

    def put(self, text: str) -> None:
        """Write the file as `write` does; raises `OSError`."""
        if str(self.path) in STDOUT:
            sys.stdout.write(text.encode(errors="replace").decode())
            sys.stdout.flush()
        elif problem := self.problem():
            raise FileExistsError(errno.EEXIST, problem)
        elif self.path.exists():
            replace_file(self.path, text, mode=PRIVATE if self.private else None)
        else:
            create_file(self.path, text, mode=PRIVATE if self.private else _usual_mode())

    def problem(self) -> str:
        """Return why the file is not written, `""` where it can be."""
        path = self.path
        if str(path) in STDOUT:
            return ""
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            mode = None
        except OSError as error:
            return f"{path} cannot be written: {error.strerror}"
        if mode is not None and not stat.S_ISREG(mode):
            return f"{path} is {_kind_of(mode)}; give a file"
        if not os.access(path.parent, os.W_OK | os.X_OK):
            return f"{path.parent} is not a folder that you may write to"
        if mode is not None and not self.force and not self._is_own_kind():
            kind = " and is not of this kind" if self.own_kind else ""
            return f"{path} exists{kind} and is not overwritten"
        return ""

    def _is_own_kind(self) -> bool:
        if self.own_kind is None:
            return False
        try:
            with self.path.open("rb") as file:
                head = file.read(HEAD_BYTES)
        except OSError:
            return False
        return not head or self.own_kind(head.decode(errors="replace"))

    def _named(self, problem: str) -> str:
        return f"{self.option}: {problem}" if self.option else problem

    def _hint(self) -> str:
        return "Give another file, or move this one away."


def create_file(path: Path, text: str, *, mode: int) -> None:
    """Write a file that is not there yet; raises `FileExistsError` where it is, or `OSError`."""
    temporary = _write_beside(path, text, mode)
    try:
        os.link(temporary, path)  # never replaces, unlike a rename
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        temporary.rename(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def replace_file(path: Path, text: str, *, mode: int | None) -> None:
    """Write a file that may be there; raises `OSError`. Without a `mode` it keeps its own."""
    if mode is None:
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else PRIVATE
    temporary = _write_beside(path, text, mode)
    try:
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _write_beside(path: Path, text: str, mode: int) -> Path:
    """Write a text to a new file in the same folder, on the disk for sure, and return its path.

    Half a character, which an answer of a server may hold and no file can, is a question mark.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".remote-mailcfg-")  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode(errors="replace"))
            file.flush()
            os.fsync(file.fileno())
        if mode != PRIVATE:  # as it was made: some file systems refuse to change it
            temporary.chmod(mode)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    return temporary


def _kind_of(mode: int) -> str:
    """Return what is there in place of a file, for a message."""
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"


def _usual_mode() -> int:
    """Return the mode of new files; the mask can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask
