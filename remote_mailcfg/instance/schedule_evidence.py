"""Evidence on what runs by itself: scheduled actions, and incoming mail servers."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import ARCHIVED_TOO
from remote_mailcfg.instance.times import find_time
from remote_mailcfg.model.evidence import CronEvidence, FetchmailEvidence, UserEvidence

SECONDS: Final = {
    "minutes": 60,
    "hours": 3600,
    "work_days": 86400,
    "days": 86400,
    "weeks": 7 * 86400,
    "months": 30 * 86400,
}

Row = Mapping[str, Any]


def fetch_cron_rows(instance: Instance, major: int) -> list[Row]:
    """Return all scheduled actions as Odoo answers them."""
    fields = ["cron_name", "active", "nextcall", "lastcall", "interval_number", "interval_type"]
    fields += ["user_id", *(("failure_count", "first_failure_date") if major >= 18 else ())]
    rows: list[Row] = instance.call("ir.cron", "search_read", domain=[ARCHIVED_TOO], fields=fields)
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
            name=row["cron_name"] or "",
            xmlid=known.get(row["id"], ""),
            active=row["active"],
            next_call=find_time(row["nextcall"]),
            last_call=find_time(row["lastcall"]),
            interval_seconds=row["interval_number"] * SECONDS.get(row["interval_type"], 0),
            user_id=user_of(row),
            user_active=active.get(user_of(row) or 0),
            failure_count=row.get("failure_count"),
            first_failure=find_time(row.get("first_failure_date", False)),
        )
        for row in rows
    )


def user_of(row: Row) -> int | None:
    """Return the id of the user whom a scheduled action runs as."""
    return row["user_id"][0] if row["user_id"] else None


def fetch_fetchmail(instance: Instance, major: int) -> tuple[FetchmailEvidence, ...]:
    """Return all incoming mail servers, without their users and passwords."""
    fields = ["name", "active", "state", "server_type", "server", "port", "is_ssl", "date"]
    fields += ["error_date", "error_message"] if major >= 19 else []
    rows = instance.call("fetchmail.server", "search_read", domain=[ARCHIVED_TOO], fields=fields)
    return tuple(
        FetchmailEvidence(
            id=row["id"],
            name=row["name"] or "",
            active=row["active"],
            state=row["state"] or "",
            server_type=row["server_type"] or "",
            server=row["server"] or "",
            port=row["port"],
            is_ssl=row["is_ssl"],
            last_fetch=find_time(row["date"]),
            error_date=find_time(row.get("error_date", False)),
            error_message=row.get("error_message") or "",
        )
        for row in rows
    )
