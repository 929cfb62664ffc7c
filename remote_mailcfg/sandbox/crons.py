"""`ir.cron`: the scheduled actions, of which the mail queue's can be run at once."""

from collections.abc import Mapping, Sequence

from remote_mailcfg.sandbox.fault import UnknownError
from remote_mailcfg.sandbox.field import Field
from remote_mailcfg.sandbox.model import Call, Model, for_records

QUEUE = "Mail: Email Queue Manager"


class Crons(Model):
    name = "ir.cron"
    title = "Scheduled Actions"
    order = "cron_name, id"
    fields: Mapping[str, Field] = {
        "cron_name": Field("char"),
        "active": Field("boolean", default=True),
        "interval_number": Field("integer", 1),
        "interval_type": Field("selection", "hours"),
        "nextcall": Field("datetime"),
        "lastcall": Field("datetime"),
        "code": Field("text"),
    }

    @for_records
    def method_direct_trigger(self, call: Call, ids: Sequence[int]) -> bool:
        for row in self._existing(ids):
            if row["cron_name"] != QUEUE:
                raise UnknownError(f"scheduled action {row['cron_name']}")
            call.database.mails.process_email_queue(call)
        return True
