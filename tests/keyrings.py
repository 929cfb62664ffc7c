"""A keyring that is gone with the test."""

import contextlib
from collections.abc import Iterator
from typing import ClassVar, TypeVar

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

Backend = TypeVar("Backend", bound=KeyringBackend)


class MemoryKeyring(KeyringBackend):
    """What it keeps is in the class: keyring makes an object of every class that it finds."""

    priority = 1
    locked = False
    kept: ClassVar[dict[tuple[str, str], str]] = {}

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise KeyringLocked("the keyring is locked")
        self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked("the keyring is locked")
        return self.kept.get((service, username))


@contextlib.contextmanager
def memory_keyring() -> Iterator[MemoryKeyring]:
    with in_use(MemoryKeyring()) as memory:  # type: ignore[no-untyped-call]
        yield memory
    memory.kept.clear()


@contextlib.contextmanager
def in_use(backend: Backend) -> Iterator[Backend]:
    before = keyring.get_keyring()
    keyring.set_keyring(backend)
    try:
        yield backend
    finally:
        keyring.set_keyring(before)
