"""Rules on the mail queue: what failed, what waits, and what came back."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from remote_mailcfg.audit.crons import QUEUE_CRON
from remote_mailcfg.audit.neutralization import where_mail_leaves
from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.model.evidence import Evidence

#: So many reasons are told, the most frequent ones; of the others their number.
MOST_REASONS: Final = 5
#: The queue is emptied hourly where its scheduled action says nothing else.
USUAL_INTERVAL: Final = timedelta(hours=1)
QUEUE_BATCH: Final = "mail.mail.queue.batch.size"
SESSION_BATCH: Final = "mail.session.batch.size"
FORCE_SEND: Final = "mail.mail.force.send.limit"
#: What Odoo takes where a parameter is not set (17 and 19: mail_mail.py, mail_thread.py).
USUAL_QUEUE_BATCH: Final = {17: 10000, 18: 10000, 19: 1000}


def _failed(evidence: Evidence) -> Iterator[Problem]:
    if not (failed := evidence.queue.counts.get("exception", 0)):
        return
    oldest = evidence.queue.oldest.get("exception")
    since = f", the oldest {_age(evidence, oldest)} old" if oldest else ""
    yield Problem(message=f"{failed} mail(s) failed{since}")


def _reasons(evidence: Evidence) -> Iterator[Problem]:
    for failure in evidence.failures[:MOST_REASONS]:
        kind = f" ({failure.kind})" if failure.kind else ""
        reason = failure.reason or "Odoo notes no reason"
        yield Problem(message=f"{failure.count} mail(s){kind}: {reason}", subject=reason)


def _waits(evidence: Evidence) -> Iterator[Problem]:
    oldest = evidence.queue.oldest.get("outgoing")
    waiting = evidence.queue.counts.get("outgoing", 0)
    if oldest is None or not waiting:
        return
    cron = evidence.find_cron(QUEUE_CRON)
    interval = timedelta(seconds=cron.interval_seconds) if cron else USUAL_INTERVAL
    if evidence.now - oldest > 2 * interval:
        yield Problem(
            message=f"{waiting} mail(s) wait, the oldest for {_age(evidence, oldest)}, and the"
            f" queue is to be emptied every {_span(interval)}"
        )


def _bounced(evidence: Evidence) -> Iterator[Problem]:
    for state, what in (("bounce", "came back"), ("exception", "could not be sent")):
        if count := evidence.notifications.get(state, 0):
            yield Problem(message=f"{count} notification(s) {what}", subject=state)


def _batches(evidence: Evidence) -> Iterator[Problem]:
    for key in (QUEUE_BATCH, SESSION_BATCH, FORCE_SEND):
        value = evidence.parameters.get(key, "")
        if value and not (value.isdecimal() and int(value)):
            yield Problem(message=f"{key} is {value!r}, not a number above 0", subject=key)


def _above_batch(evidence: Evidence) -> Iterator[Problem]:
    told = evidence.parameters.get(QUEUE_BATCH, "")
    usual = USUAL_QUEUE_BATCH.get(evidence.major, 1000)
    batch = int(told) if told.isdecimal() and int(told) else usual
    waiting = evidence.queue.counts.get("outgoing", 0)
    if waiting > batch:
        yield Problem(message=f"{waiting} mail(s) wait, and one run sends at most {batch}")


def _age(evidence: Evidence, moment: datetime) -> str:
    return _span(evidence.now - moment)


def _span(span: timedelta) -> str:
    """Return a span of time in its largest unit, from minutes to days."""
    minutes = max(int(span.total_seconds() // 60), 1)
    if minutes >= 2 * 24 * 60:
        return f"{minutes // (24 * 60)} days"
    return f"{minutes // 60} h" if minutes >= 120 else f"{minutes} min"


RULES: Final[tuple[Rule[Evidence], ...]] = (
    Rule(
        id="mails-failed",
        group="queue",
        severity="error",
        title="Mails in the queue have failed",
        why="Their recipients got nothing, and Odoo does not try again by itself.",
        remedy="Put right what the reasons say, then retry or cancel them under Settings >"
        " Technical > Email > Emails.",
        needs=("queue", "parameters"),
        look=where_mail_leaves(_failed),
    ),
    Rule(
        id="failure-reason",
        group="queue",
        severity="warning",
        title="A reason for which mails have failed",
        why="It tells where to look: the relay, the sender, or an address.",
        remedy="`remote-mailcfg server test` tries the server; `remote-mailcfg route ADDRESS` says"
        " which one it is.",
        needs=("failures", "parameters"),
        look=where_mail_leaves(_reasons),
    ),
    Rule(
        id="mails-wait",
        group="queue",
        severity="error",
        title="Mails wait longer than the queue should take",
        why="Nothing empties the queue, or it is slower than it is filled.",
        remedy="Look at the scheduled action Mail: Email Queue Manager, and whether a worker for"
        " scheduled actions runs.",
        needs=("queue", "crons", "parameters"),
        look=where_mail_leaves(_waits),
    ),
    Rule(
        id="notifications-failed",
        group="queue",
        severity="warning",
        title="Notifications came back or could not be sent",
        why="People whom a record concerns were not told.",
        remedy="Correct their addresses; the record's chatter marks each in red.",
        needs=("notifications", "parameters"),
        look=where_mail_leaves(_bounced),
    ),
    Rule(
        id="batch-size-not-valid",
        group="queue",
        severity="warning",
        title="A parameter of the queue is not a number above 0",
        why="Odoo fails at it when it sends, or sends nothing.",
        remedy="Correct the parameter, or remove it: Odoo then takes its own value.",
        needs=("parameters",),
        look=_batches,
    ),
    Rule(
        id="queue-above-batch",
        group="queue",
        severity="warning",
        title="More mails wait than one run of the queue sends",
        why="What comes last waits for several runs.",
        remedy=f"Wait for the next runs, or raise {QUEUE_BATCH} as far as the relay allows.",
        needs=("queue", "parameters"),
        look=where_mail_leaves(_above_batch),
    ),
)
