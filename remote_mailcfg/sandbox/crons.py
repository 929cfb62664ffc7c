"""`ir.cron`: the scheduled actions, of which the mail queue's can be run at once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from remote_mailcfg.sandbox.fault import UnknownError
from remote_mailcfg.sandbox.field import Field
from remote_mailcfg.sandbox.model import Call, Model, Version, for_records

QUEUE = "Mail: Email Queue Manager"
#: External id, id, name, interval and whether it is active, as on fresh databases (17 and 19).
SCHEDULED = (
    ("base.autovacuum_job", 1, "Base: Auto-vacuum internal data", (1, "days"), True),
    ("mail.ir_cron_mail_scheduler_action", 3, QUEUE, (1, "hours"), True),
    ("mail.ir_cron_mail_gateway_action", 6, "Mail: Fetchmail Service", (5, "minutes"), False),
    (
        "mail.ir_cron_send_scheduled_message",
        8,
        "Notification: Send scheduled message notifications",
        (1, "hours"),
        True,
    ),
)


class Crons(Model):
    name = "ir.cron"
    title = "Scheduled Actions"
    order = "cron_name, id"

    def __init__(self, version: Version) -> None:
        super().__init__(version)
        self.fields = {
            "cron_name": Field("char"),
            "active": Field("boolean", default=True),
            "user_id": Field("many2one", 1, relation="res.users"),
            "interval_number": Field("integer", 1),
            "interval_type": Field("selection", "hours"),
            "nextcall": Field("datetime"),
            "lastcall": Field("datetime"),
            "code": Field("text"),
        }
        if version == 19:
            failures = {"failure_count": Field("integer", 0)}
            self.fields |= failures | {"first_failure_date": Field("datetime")}

    @for_records
    def method_direct_trigger(self, call: Call, ids: Sequence[int]) -> bool:
        for row in self._existing(ids):
            if row["cron_name"] != QUEUE:
                raise UnknownError(f"scheduled action {row['cron_name']}")
            call.database.mails.process_email_queue(call)
        return True

    def fill(self, external_ids: Model) -> None:
        """Add the scheduled actions of a fresh database, due in an hour."""
        due = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%d %H:%M:%S}"
        for xmlid, cron_id, name, (number, unit), active in SCHEDULED:
            self.add(
                id=cron_id,
                cron_name=name,
                active=active,
                interval_number=number,
                interval_type=unit,
                nextcall=due,
                code="model.process_email_queue(batch_size=1000)" if name == QUEUE else False,
            )
            module, _, last = xmlid.partition(".")
            external_ids.add(module=module, name=last, model=self.name, res_id=cron_id)
