"""The sandbox as a server for tests: short waits for mail servers that say nothing."""

import contextlib
from collections.abc import Iterator

from remote_mailcfg.sandbox.model import Version
from remote_mailcfg.sandbox.odoo import make_odoo
from remote_mailcfg.sandbox.server import Served, serve

SMTP_TIMEOUT_SECONDS = 1.0


@contextlib.contextmanager
def sandbox(
    version: Version, databases: tuple[str, ...] = ("openspp",), *, openspp: bool = False
) -> Iterator[Served]:
    """Run a sandbox of this version with these databases."""
    odoo = make_odoo(version, databases, smtp_timeout_seconds=SMTP_TIMEOUT_SECONDS, openspp=openspp)
    with serve({"sandbox": odoo}, remembers=True) as (served,):
        yield served
