"""Evidence on what leaves: the mail queue, what failed and why, and what came back."""

from collections import Counter
from datetime import datetime
from typing import Any, Final

from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_queue import MODEL
from remote_mailcfg.instance.times import FORMAT
from remote_mailcfg.model.evidence import FailureEvidence, QueueEvidence
from remote_mailcfg.model.masking import mask_addresses
from remote_mailcfg.rpc.answers import Reader, count, fields, list_of, records, text, time

#: How many failed mails are looked at, the newest first.
MOST_FAILURES: Final = 500
#: How much of a reason tells one from another.
MOST_CHARACTERS: Final = 200


def fetch_queue_evidence(instance: Instance, major: int, now: datetime) -> QueueEvidence:
    """Count the mails that are due by state, with since when the oldest of each is.

    Groups by year hold mails that were scheduled apart from those that were to be sent at once.
    """
    due = ["|", ["scheduled_date", "=", False], ["scheduled_date", "<=", f"{now:{FORMAT}}"]]
    by = ("state", "scheduled_date:year")
    times = ("scheduled_date", "create_date")
    counts: Counter[str] = Counter()
    oldest: dict[str, datetime] = {}
    for row in _fetch_groups(instance, major, MODEL, due, by=by, least=times):
        state = row["state"]
        counts[state] += row["__count"]
        if since := row["scheduled_date"] or row["create_date"]:
            oldest[state] = min(since, oldest.get(state, now))
    return QueueEvidence(counts=counts, oldest=oldest)


def fetch_failures(instance: Instance) -> tuple[FailureEvidence, ...]:
    """Return why mails failed, the most frequent reason first, addresses masked."""
    rows = instance.call(
        MODEL,
        "search_read",
        domain=[["state", "=", "exception"]],
        fields=["failure_type", "failure_reason"],
        order="id desc",
        limit=MOST_FAILURES,
        expect=records(failure_type=text, failure_reason=text),
    )
    groups = Counter((_shorten(row["failure_reason"]), row["failure_type"]) for row in rows)
    return tuple(
        FailureEvidence(reason=reason, kind=kind, count=count)
        for (reason, kind), count in groups.most_common()
    )


def fetch_notifications(instance: Instance, major: int) -> dict[str, int]:
    """Count the notifications that bounced or failed, by their state."""
    bad = [["notification_status", "in", ["bounce", "exception"]]]
    by = ("notification_status",)
    rows = _fetch_groups(instance, major, "mail.notification", bad, by=by)
    return {row["notification_status"]: row["__count"] for row in rows}


def _fetch_groups(
    instance: Instance,
    major: int,
    model: str,
    domain: list[Any],
    *,
    by: tuple[str, ...],
    least: tuple[str, ...] = (),
) -> list[dict[str, Any]]:
    """Return a row for each group: its values, `__count`, and the least of some fields.

    19 has `formatted_read_group`, and logs a warning for every use of the older `read_group`.
    """
    expected: dict[str, Reader] = {by[0]: text, "__count": count}
    if major >= 19:
        keys = {field: f"{field}:min" for field in least}
        params: dict[str, Any] = {"aggregates": ["__count", *keys.values()]}
    else:
        keys = {field: f"least_{field}" for field in least}
        wanted = [by[0], *(f"{key}:min({field})" for field, key in keys.items())]
        params = {"fields": wanted, "lazy": False}  # no fields would be all
    expected |= dict.fromkeys(keys.values(), time)
    rows = instance.call(
        model,
        "formatted_read_group" if major >= 19 else "read_group",
        domain=domain,
        groupby=list(by),
        expect=list_of(fields(**expected)),
        **params,
    )
    return [row | {field: row[key] for field, key in keys.items()} for row in rows]


def _shorten(reason: str) -> str:
    """Return a reason in one line, such that the same reasons of many mails are the same text.

    The first line alone may be no more than an SMTP code: `111`, then `Connection refused`.
    """
    lines = reason.split("\n")
    told = " ".join(line.strip() for line in lines[: 2 if len(lines[0]) < 5 else 1])
    return mask_addresses(told)[:MOST_CHARACTERS]
