"""How work on an instance tells what it is doing, without printing."""

from typing import Protocol


class Progress(Protocol):
    """What the command line gives an operation to speak through."""

    def working(self, what: str) -> None:
        """Say what takes a while now; shown on a terminal until the next one."""
        ...

    def note(self, text: str) -> None:
        """Say something that the user should read, result or not."""
        ...

    def confirm(self, question: str) -> bool:
        """Ask the user for a yes."""
        ...
