"""Which live record each desired mail server is: marked by its external id, else of its name."""

from collections.abc import Collection, Mapping, Sequence

from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.model.desired import DesiredServer
from remote_mailcfg.model.from_filter import split_from_filter
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.values import Value
from remote_mailcfg.plan.change import SECRET_FIELDS


def match_servers(
    desired: Sequence[DesiredServer],
    actual: Sequence[MailServerRecord],
    managed: Mapping[str, int],
) -> dict[str, MailServerRecord | None]:
    """Return the record of each entry by its key, None where there is none yet.

    `managed` are the ids of the records that are marked, by key. Personal servers (19) and what
    this tool made for itself are nobody's. Of several records of a name the one that is as the
    entry says is taken, and one that bears the mark of an entry that is not for this instance only
    where there is no other. Raises `ambiguous` with the ids where none is to be preferred.
    """
    open_records = {
        record.id: record
        for record in actual
        if record.owner_user_id is None and record.ours is None
    }
    found: dict[str, MailServerRecord | None] = {}
    for entry in desired:
        found[entry.key] = open_records.pop(managed.get(entry.key, 0), None)
    marked = frozenset(managed.values())
    by_name: dict[Value, dict[int, MailServerRecord]] = {}
    for record in open_records.values():
        by_name.setdefault(record.name, {})[record.id] = record
    for entry in desired:
        if found[entry.key] is None:
            named = by_name.get(entry.values["name"], {})
            taken = _preferred(entry, list(named.values()), marked)
            found[entry.key] = named.pop(taken.id) if taken else None
    _refuse_same_name(desired, found, managed)
    return found


def _refuse_same_name(
    desired: Sequence[DesiredServer],
    found: Mapping[str, MailServerRecord | None],
    managed: Mapping[str, int],
) -> None:
    """Refuse entries of one name that no mark on the instance tells apart.

    Those that are all there as the file says may share a name: nothing is done to them.
    """
    unmarked: dict[Value, list[DesiredServer]] = {}
    for entry in desired:
        record = found[entry.key]
        if record is None or record.id != managed.get(entry.key):
            unmarked.setdefault(entry.values["name"], []).append(entry)
    for name, entries in unmarked.items():
        records = [(it, found[it.key]) for it in entries]
        if len(entries) > 1 and any(not it or differing(entry, it) for entry, it in records):
            first, second = (it.place or it.key for it in entries[:2])
            raise ConfigurationError(
                "configuration",
                f"{second}: the name {name!r} is also that of {first}, and no external id tells"
                " the two apart",
                "Give one of them another name, or tags that keep them on different instances.",
            )


def differing(entry: DesiredServer, record: MailServerRecord) -> tuple[str, ...]:
    """Return the fields of an entry that its record has otherwise.

    Of secrets only those that shall not be set are among them: the others are references.
    """
    wanted = {"active": True, **entry.values}
    return tuple(field for field, value in wanted.items() if not _is_so(record, field, value))


def _is_so(record: MailServerRecord, field: str, value: Value) -> bool:
    if field == "from_filter":  # Odoo takes no notice of blanks between its parts
        return split_from_filter(record.from_filter) == split_from_filter(str(value))
    return told(record, field) == value


def told(record: MailServerRecord, field: str) -> object:
    """Return what a record tells of a field: of a secret `"set"` or `""`."""
    if field not in SECRET_FIELDS:
        return getattr(record, field)
    is_set = record.has_password if field == "smtp_pass" else getattr(record, field)
    return "set" if is_set else ""


def _preferred(
    entry: DesiredServer, records: Sequence[MailServerRecord], marked: Collection[int]
) -> MailServerRecord | None:
    """Return which of the records of its name is an entry's."""
    named = sorted(records, key=lambda record: record.id in marked)
    same = [record for record in named if not differing(entry, record)]
    named = [it for it in named if it.id not in marked] or named
    if len(named) > 1 and not same:
        ids = ", ".join(str(record.id) for record in named)
        raise RemoteMailcfgError(
            "ambiguous",
            f"{entry.key}: several mail servers are named {entry.values['name']!r}: {ids}",
            "Rename or archive all but one of them, then plan again.",
        )
    return next(iter(same or named), None)
