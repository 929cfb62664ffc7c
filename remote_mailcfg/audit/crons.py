"""Rules on scheduled actions: whether what sends and fetches mail runs by itself."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from remote_mailcfg.audit.neutralization import where_mail_leaves
from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.model.evidence import CronEvidence, Evidence

#: They have these names in 17 and 19; before 17 the last one was of the module fetchmail.
QUEUE_CRON: Final = "mail.ir_cron_mail_scheduler_action"
SCHEDULED_CRON: Final = "mail.ir_cron_send_scheduled_message"
GATEWAY_CRON: Final = "mail.ir_cron_mail_gateway_action"
#: A run that is so late, and later than two intervals, did not happen.
LATE: Final = timedelta(hours=2)


def _queue_off(evidence: Evidence) -> Iterator[Problem]:
    cron = evidence.find_cron(QUEUE_CRON)
    if cron is None:
        yield Problem(message="there is no such scheduled action", subject=QUEUE_CRON)
    elif not cron.active:
        yield Problem(message=f"'{cron.name}' is not active", subject=QUEUE_CRON)


def _queue_late(evidence: Evidence) -> Iterator[Problem]:
    cron = evidence.find_cron(QUEUE_CRON)
    if cron and cron.active and (problem := _late(evidence, cron)):
        yield problem


def _others_off(evidence: Evidence) -> Iterator[Problem]:
    fetches = any(server.active and server.state == "done" for server in evidence.fetchmail)
    for xmlid in (SCHEDULED_CRON, *((GATEWAY_CRON,) if fetches else ())):
        cron = evidence.find_cron(xmlid)
        if cron and not cron.active:
            yield Problem(message=f"'{cron.name}' is not active", subject=xmlid)


def _others_late(evidence: Evidence) -> Iterator[Problem]:
    for xmlid in (SCHEDULED_CRON, GATEWAY_CRON):
        cron = evidence.find_cron(xmlid)
        if cron and cron.active and (problem := _late(evidence, cron)):
            yield problem


def _late(evidence: Evidence, cron: CronEvidence) -> Problem | None:
    if cron.next_call is None:
        return None
    late = evidence.now - cron.next_call
    if late <= max(LATE, 2 * timedelta(seconds=cron.interval_seconds)):
        return None
    hours = int(late.total_seconds() // 3600)
    last = f"{cron.last_call:%Y-%m-%dT%H:%M:%SZ}" if cron.last_call else "never"
    return Problem(
        message=f"'{cron.name}' should have run {hours} h ago; it last ran: {last}",
        subject=cron.xmlid,
    )


def _fails(evidence: Evidence) -> Iterator[Problem]:
    for xmlid in (QUEUE_CRON, SCHEDULED_CRON, GATEWAY_CRON):
        cron = evidence.find_cron(xmlid)
        if cron and cron.active and cron.failure_count:
            since = f" since {cron.first_failure:%Y-%m-%d}" if cron.first_failure else ""
            yield Problem(
                message=f"'{cron.name}' failed {cron.failure_count} time(s) in a row{since}",
                subject=xmlid,
            )


RULES: Final[tuple[Rule[Evidence], ...]] = (
    Rule(
        id="queue-cron-off",
        group="crons",
        severity="critical",
        title="Nothing empties the mail queue",
        why="Mails wait for ever, and nobody is told.",
        remedy="Activate Mail: Email Queue Manager under Settings > Technical > Scheduled Actions.",
        needs=("crons", "parameters"),
        look=where_mail_leaves(_queue_off),
    ),
    Rule(
        id="queue-cron-late",
        group="crons",
        severity="critical",
        title="The action that empties the mail queue does not run",
        why="It is active, and nothing runs it: mails wait.",
        remedy="Start a worker for scheduled actions (max_cron_threads in odoo.conf is above 0),"
        " and look in Odoo's log for what fails.",
        needs=("crons", "parameters"),
        look=where_mail_leaves(_queue_late),
    ),
    Rule(
        id="mail-cron-off",
        group="crons",
        severity="warning",
        title="A scheduled action for mail is not active",
        why="Messages that are scheduled are not sent, or mail is not fetched.",
        remedy="Activate it under Settings > Technical > Scheduled Actions.",
        needs=("crons", "fetchmail", "parameters"),
        look=where_mail_leaves(_others_off),
    ),
    Rule(
        id="mail-cron-late",
        group="crons",
        severity="warning",
        title="A scheduled action for mail does not run",
        why="It is active, and nothing runs it.",
        remedy="Start a worker for scheduled actions, and look in Odoo's log for what fails.",
        needs=("crons", "parameters"),
        look=where_mail_leaves(_others_late),
    ),
    Rule(
        id="mail-cron-fails",
        group="crons",
        severity="warning",
        title="A scheduled action for mail fails",
        why="After five failures in seven days Odoo switches it off.",
        remedy="Odoo's log says why; run it by hand once that is put right.",
        versions="18, 19",
        needs=("crons", "parameters"),
        look=where_mail_leaves(_fails),
    ),
)
