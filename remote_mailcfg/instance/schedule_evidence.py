"""Evidence on what runs by itself: scheduled actions, and incoming mail servers."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import ARCHIVED_TOO
from remote_mailcfg.model.evidence import CronEvidence, FetchmailEvidence, UserEvidence
from remote_mailcfg.rpc.answers import (
    Optional,
    Reader,
    flag,
    many2one,
    record_id,
    records,
    text,
    time,
    whole,
)

SECONDS: Final = {
    "minutes": 60,
    "hours": 3600,
    "work_days": 86400,
    "days": 86400,
    "weeks": 7 * 86400,
    "months": 30 * 86400,
}
#: A hundred years are as good as never, and can still be added to a date.
LONGEST_SECONDS: Final = 36500 * 86400

Row = Mapping[str, Any]


def fetch_cron_rows(instance: Instance, major: int) -> list[Row]:
    """Return all scheduled actions as Odoo answers them."""
    expected: dict[str, Reader] = {
        "cron_name": text,
        "active": flag,
        "nextcall": time,
        "lastcall": time,
        "interval_number": whole,
        "interval_type": text,
        "user_id": many2one,
    }
    if major >= 18:
        expected |= {"failure_count": Optional(whole), "first_failure_date": Optional(time)}
    rows: list[Row] = instance.call(
        "ir.cron",
        "search_read",
        domain=[ARCHIVED_TOO],
        fields=list(expected),
        expect=records(id=record_id, **expected),
    )
    return rows


def make_crons(
    rows: Collection[Row], xmlids: Mapping[str, tuple[str, int]], users: Collection[UserEvidence]
) -> tuple[CronEvidence, ...]:
    """Return the scheduled actions, with their external ids and whether their user is active."""
    known = {record_id: xmlid for xmlid, (model, record_id) in xmlids.items() if model == "ir.cron"}
    active = {user.id: user.active for user in users}
    return tuple(
        CronEvidence(
            id=row["id"],
            name=row["cron_name"],
            xmlid=known.get(row["id"], ""),
            active=row["active"],
            next_call=row["nextcall"],
            last_call=row["lastcall"],
            interval_seconds=_seconds_between(row),
            user_id=user_of(row),
            user_active=active.get(user_of(row) or 0),
            failure_count=row.get("failure_count"),
            first_failure=row.get("first_failure_date"),
        )
        for row in rows
    )


def _seconds_between(row: Row) -> int:
    seconds: int = row["interval_number"] * SECONDS.get(row["interval_type"], 0)
    return min(seconds, LONGEST_SECONDS)


def user_of(row: Row) -> int | None:
    """Return the id of the user whom a scheduled action runs as."""
    return row["user_id"][0] if row["user_id"] else None


def fetch_fetchmail(instance: Instance, major: int) -> tuple[FetchmailEvidence, ...]:
    """Return all incoming mail servers, without their users and passwords."""
    expected: dict[str, Reader] = {
        "name": text,
        "active": flag,
        "state": text,
        "server_type": text,
        "server": text,
        "port": whole,
        "is_ssl": flag,
        "date": time,
    }
    if major >= 19:
        expected |= {"error_date": Optional(time), "error_message": Optional(text)}
    rows = instance.call(
        "fetchmail.server",
        "search_read",
        domain=[ARCHIVED_TOO],
        fields=list(expected),
        expect=records(id=record_id, **expected),
    )
    return tuple(
        FetchmailEvidence(
            id=row["id"],
            name=row["name"],
            active=row["active"],
            state=row["state"],
            server_type=row["server_type"],
            server=row["server"],
            port=row["port"],
            is_ssl=row["is_ssl"],
            last_fetch=row["date"],
            error_date=row.get("error_date"),
            error_message=row.get("error_message", ""),
        )
        for row in rows
    )
