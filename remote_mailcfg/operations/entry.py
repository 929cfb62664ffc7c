"""How every operation enters an instance."""

from collections.abc import Iterator
from contextlib import contextmanager

from remote_mailcfg.instance.instance import Instance, open_instance
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.web_login import remove_leftover_freeze


@contextmanager
def enter_instance(target: Target, progress: Progress) -> Iterator[Instance]:
    """Log in, and first put right what a killed run of ours left behind."""
    progress.working(f"{target.name}: connecting")
    with open_instance(target) as instance:
        if remove_leftover_freeze(instance):
            progress.note(
                f"{target.name}: removed web.base.url.freeze, left by a login that was cut off"
            )
        yield instance
