"""Commands whose results are looked at together, once all instances are done."""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar, runtime_checkable

from remote_mailcfg.cli.terminal import Terminal
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.fleet.worker import Operation
from remote_mailcfg.model.target import TagUse, Target

T = TypeVar("T")


@runtime_checkable
class Gathered(Protocol, Generic[T]):
    """What is done on each instance, and what is made of all outcomes before they are shown."""

    @property
    def operation(self) -> Operation[T]:
        """What is done on each instance."""
        ...

    @property
    def tag_uses(self) -> Sequence[TagUse]:
        """The tags that its file gives; each is one of the inventory."""
        ...

    def finish(
        self, outcomes: Sequence[Outcome[T]], everybody: Sequence[Target], terminal: Terminal
    ) -> Sequence[Outcome[T]]:
        """Return the outcomes to show; `everybody` are all targets of the inventory."""
        ...
