"""Which files are trusted with secrets and commands: those that nobody else can change.

As ssh has it for its own files: a file and the folders on the way to it belong to the user or to
root, and others cannot write to them. Who can change an inventory can read the user's secrets, as
it says where they are sent, and can run commands as the user.
"""

import codecs
import errno
import grp
import os
import pwd
import shlex
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from remote_mailcfg.errors import ConfigurationError

#: Where it is 1 in the real environment, files may be another user's: a checkout in a container.
VARIABLE: Final = "REMOTE_MAILCFG_TRUST_FILES"
ROOT: Final = 0
#: Where Docker and systemd mount secrets; Kubernetes mounts them anywhere, behind a link `..data`.
MOUNTED: Final = (Path("/run/secrets"), Path("/run/credentials"))
KUBERNETES_LINK: Final = "..data"
#: The files that are open in a process: pipes of the shell, for instance.
OPEN_FILES: Final = Path("/proc")
MOST_LINKS: Final = 40


@dataclass(frozen=True, slots=True)
class Distrust:
    """Why a file is not trusted, and what to do about it."""

    problem: str
    hint: str

    @property
    def whole(self) -> str:
        """The problem and the hint, for where several problems are reported together."""
        return f"{self.problem}. {self.hint}"

    def error(self) -> ConfigurationError:
        """Return the error of a command that would have to trust the file."""
        return ConfigurationError("configuration", self.problem, self.hint)


@dataclass(frozen=True, slots=True)
class UserFile:
    """A file that was read: its text, without the byte order mark of some editors.

    `distrust` is None where nobody else can change it. `exposed` says whether others can read it,
    `owner_only` that not even a group can. What Docker, Kubernetes and systemd mount counts as
    protected: its mode is theirs.
    """

    text: str
    distrust: Distrust | None
    exposed: bool
    owner_only: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """A folder, link or file on the way to a file."""

    path: Path
    status: os.stat_result

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.status.st_mode)


def read_file(path: Path) -> UserFile:
    """Read a text, and look who else can change it; raises `OSError` or `UnicodeDecodeError`."""
    with path.open("rb") as file:  # what is looked at is what is read
        status = os.fstat(file.fileno())
        content = file.read()
    way = list(_way_to(path))
    real = way[-1].path
    mounted = _is_mounted(real, way)
    exposed = not mounted and _others_can(status, stat.S_IROTH, stat.S_IRGRP)
    distrust = None if _trusts_all() else _find_distrust(real, status, way, mounted=mounted)
    owner_only = mounted or not status.st_mode & (stat.S_IRGRP | stat.S_IROTH)
    text = content.removeprefix(codecs.BOM_UTF8).decode()
    return UserFile(text, distrust, exposed=exposed, owner_only=owner_only)


def _trusts_all() -> bool:
    return os.environ.get(VARIABLE) == "1"


def _way_to(path: Path) -> Iterator[_Part]:
    """Yield each folder and link on the way to a file from the root, and the file itself."""
    ahead = [*reversed(path.absolute().parts)]
    here = Path(ahead.pop())
    links = 0
    yield _Part(here, here.lstat())
    while ahead:
        name = ahead.pop()
        here = here.parent if name == ".." else here / name
        part = _Part(here, here.lstat())
        yield part
        if not part.is_link:
            continue
        if here.is_relative_to(OPEN_FILES) and here.parent.name == "fd":
            return  # leads to what the shell opened, which may have no name
        links += 1
        if links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        target = here.readlink()
        here = Path(target.anchor) if target.is_absolute() else here.parent
        ahead += reversed(target.parts[1:] if target.is_absolute() else target.parts)


def _find_distrust(
    real: Path, status: os.stat_result, way: Iterable[_Part], *, mounted: bool
) -> Distrust | None:
    """Return why a file, or what leads to it, is not trusted; `status` is of the open file."""
    above_home = _above_home(real)
    for part in way:
        if part.path != real and part.path not in above_home and (found := _distrust_of(part)):
            return found
    if mounted and not status.st_mode & stat.S_IWOTH:
        return None  # it belongs to who runs the container
    return _distrust_of(_Part(real, status))


def _above_home(real: Path) -> frozenset[Path]:
    """Return the folders around the user's home; they are the system's, and not looked at."""
    try:
        home = Path.home().resolve()
    except (RuntimeError, OSError):  # a user without a home
        return frozenset()
    return frozenset(home.parents) if home in real.parents else frozenset()


def _distrust_of(part: _Part) -> Distrust | None:
    owner, mode = part.status.st_uid, part.status.st_mode
    is_folder = stat.S_ISDIR(mode)
    name = f"the folder {part.path}" if is_folder else str(part.path)
    if owner not in {os.geteuid(), ROOT}:
        return Distrust(
            f"{name} belongs to another user ({_name_of(owner)}), who can change what is in it",
            f"Take a copy that is yours, or set {VARIABLE}=1 if you trust that user.",
        )
    is_shared = is_folder and mode & stat.S_ISVTX  # others cannot replace what is in it
    if part.is_link or is_shared or not _others_can(part.status, stat.S_IWOTH, stat.S_IWGRP):
        return None
    return Distrust(
        f"{name} can be changed by others (mode {stat.S_IMODE(mode):04o})",
        f"chmod go-w {shlex.quote(str(part.path))}, or set {VARIABLE}=1 if you trust them.",
    )


def _others_can(status: os.stat_result, for_all: int, for_group: int) -> bool:
    """Tell whether a mode lets others do something; the user's own group holds no others."""
    mode = status.st_mode
    return bool(mode & for_all or (mode & for_group and not _is_own_group(status.st_gid)))


def _is_own_group(group_id: int) -> bool:
    """Tell whether a group holds nobody but the user, or root: the one of the user's name."""
    try:
        group = grp.getgrgid(group_id)
        user = pwd.getpwuid(os.geteuid())
    except KeyError:  # a container's numbers without names
        return group_id in {ROOT, os.geteuid()}
    is_own = group_id == ROOT or (group_id == user.pw_gid and group.gr_name == user.pw_name)
    return is_own and {*group.gr_mem} <= {user.pw_name, "root"}


def _is_mounted(real: Path, way: Iterable[_Part]) -> bool:
    """Tell whether a file is a secret that Docker, Kubernetes or systemd put there as root."""
    return any(real.is_relative_to(folder) for folder in MOUNTED) or any(
        part.is_link and part.path.name == KUBERNETES_LINK and part.status.st_uid == ROOT
        for part in way
    )


def _name_of(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"uid {user_id}"
