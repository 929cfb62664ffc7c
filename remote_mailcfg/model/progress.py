"""How work on an instance tells what it is doing, without printing."""

from typing import Protocol


class Progress(Protocol):
    """What the command line gives an operation to speak through."""

    @property
    def attended(self) -> bool:
        """Whether a question would reach a person."""
        ...

    def working(self, what: str, *, slow: bool = False) -> None:
        """Say what takes a while now; shown on a terminal until the next one.

        What is `slow` may take a minute, and is said off a terminal too.
        """
        ...

    def note(self, text: str) -> None:
        """Say something that the user should read, result or not."""
        ...

    def confirm(self, question: str) -> bool:
        """Ask the user for a yes."""
        ...
