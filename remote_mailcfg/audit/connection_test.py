"""The rule on the instance's own test of each active mail server."""

from collections.abc import Iterator
from typing import Final

from remote_mailcfg.audit.hosts import is_stub
from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.model.evidence import Evidence


def _failed(evidence: Evidence) -> Iterator[Problem]:
    stubs = {it.id for it in evidence.records if evidence.is_neutralized and is_stub(it)}
    for test in evidence.tests:
        if not test.ok and test.id not in stubs:
            first = test.message.strip().partition("\n")
            words = " ".join(" ".join(first).split())
            yield Problem(
                message=f"its test failed ({test.cause}): {words}",
                server_id=test.id,
                server_name=test.name,
                subject=test.cause or "",
                remedy=test.hint or None,
            )


RULES: Final[tuple[Rule[Evidence], ...]] = (
    Rule(
        id="test-failed",
        group="test",
        severity="error",
        title="The instance cannot send through a mail server",
        why="Odoo's own test of the connection fails, so mails through it do.",
        remedy="`remote-mailcfg server test` repeats it, with what to do next.",
        needs=("tests", "parameters"),
        look=_failed,
    ),
)
