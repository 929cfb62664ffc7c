"""Evidence on what leaves: the mail queue, what failed and why, and what came back."""

from collections import Counter
from datetime import datetime
from typing import Any, Final

from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_queue import MODEL
from remote_mailcfg.instance.times import FORMAT, parse_time
from remote_mailcfg.model.evidence import FailureEvidence, QueueEvidence
from remote_mailcfg.model.masking import mask_addresses

#: How many failed mails are looked at, the newest first.
MOST_FAILURES: Final = 500
#: How much of a reason tells one from another.
MOST_CHARACTERS: Final = 200


def fetch_queue_evidence(instance: Instance, major: int, now: datetime) -> QueueEvidence:
    """Count the mails that are due by state, with the oldest of each."""
    due = ["|", ["scheduled_date", "=", False], ["scheduled_date", "<=", f"{now:{FORMAT}}"]]
    rows = _fetch_groups(instance, major, MODEL, due, by="state", oldest=True)
    return QueueEvidence(
        counts={row["state"]: row["count"] for row in rows},
        oldest={row["state"]: parse_time(row["oldest"]) for row in rows if row["oldest"]},
    )


def fetch_failures(instance: Instance) -> tuple[FailureEvidence, ...]:
    """Return why mails failed, the most frequent reason first, addresses masked."""
    rows = instance.call(
        MODEL,
        "search_read",
        domain=[["state", "=", "exception"]],
        fields=["failure_type", "failure_reason"],
        order="id desc",
        limit=MOST_FAILURES,
    )
    groups = Counter((_shorten(row["failure_reason"]), row["failure_type"] or "") for row in rows)
    return tuple(
        FailureEvidence(reason=reason, kind=kind, count=count)
        for (reason, kind), count in groups.most_common()
    )


def fetch_notifications(instance: Instance, major: int) -> dict[str, int]:
    """Count the notifications that bounced or failed, by their state."""
    bad = [["notification_status", "in", ["bounce", "exception"]]]
    by = "notification_status"
    rows = _fetch_groups(instance, major, "mail.notification", bad, by=by)
    return {row["notification_status"]: row["count"] for row in rows}


def _fetch_groups(
    instance: Instance, major: int, model: str, domain: list[Any], *, by: str, oldest: bool = False
) -> list[dict[str, Any]]:
    """Return a row for each value of the field `by`: the value, `count`, `oldest` if wanted.

    19 has `formatted_read_group`, and logs a warning for every use of the older `read_group`.
    """
    if major >= 19:
        wanted = ["__count", "create_date:min"] if oldest else ["__count"]
        rows = instance.call(
            model, "formatted_read_group", domain=domain, groupby=[by], aggregates=wanted
        )
        oldest_key = "create_date:min"
    else:
        fields = [by, *(["oldest:min(create_date)"] if oldest else [])]  # none would be all
        rows = instance.call(
            model, "read_group", domain=domain, fields=fields, groupby=[by], lazy=False
        )
        oldest_key = "oldest"
    return [{by: row[by], "count": row["__count"], "oldest": row.get(oldest_key)} for row in rows]


def _shorten(reason: str | bool) -> str:  # noqa: FBT001 - what is not set is False
    """Return a reason in one line, such that the same reasons of many mails are the same text.

    The first line alone may be no more than an SMTP code: `111`, then `Connection refused`.
    """
    lines = str(reason or "").split("\n")
    told = " ".join(line.strip() for line in lines[: 2 if len(lines[0]) < 5 else 1])
    return mask_addresses(told)[:MOST_CHARACTERS]
