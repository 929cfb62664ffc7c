"""Which mail server Odoo chooses for a sender, and why; computed from the records alone."""

from dataclasses import dataclass, replace

from remote_mailcfg.model.from_filter import (
    check_from_filter,
    domain_of,
    find_address_part,
    find_domain,
    find_domain_part,
    find_normalized,
    matches_from_filter,
    normalize_address,
    split_from_filter,
)
from remote_mailcfg.model.mail_server import MailServerRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The server and the sender that Odoo takes for a mail, and the rule that decided.

    `server` is `None` where Odoo uses its own configuration, odoo.conf. `sender` is the address as
    it was given or the notifications address. `why` is one or two sentences.
    """

    server: MailServerRecord | None
    sender: str
    why: str


def route(
    address: str,
    servers: tuple[MailServerRecord, ...],
    *,
    notifications_email: str,
    default_from_filter: str = "",
) -> Route:
    """Return what Odoo does with mail from `address` for which no server is named.

    `notifications_email` is the company's default From address (its alias domain's, else
    `email_from` of odoo.conf), `""` where there is none; `default_from_filter` the parameter
    `mail.default.from_filter`. Archived servers, personal ones (19; they carry their owner's mail
    only, `mail.mail._filter_mail_mail_servers`) and this tool's own copies take no part.
    The rules and their order: `ir.mail_server._find_mail_server`, the same in 17.0 and 19.0.
    """
    candidates = _in_order(servers)
    if server := _match(address, candidates):
        rule = "from_filter is matched before priority (sequence)"
        why = f"{_match_text(server, address, 'the address')}; {rule}."
        return Route(server=server, sender=address, why=why)

    notifications = normalize_address(notifications_email)
    sender = notifications or address
    becomes = ""
    if notifications and notifications != normalize_address(address):
        becomes = f"The sender becomes the notifications address {notifications}"
    rewritten = f" {becomes}." if becomes else ""
    if server := _match(notifications, candidates):
        match = _match_text(server, notifications, "the notifications address")
        why = f"{_unmatched_text(address)}; {match}.{rewritten}"
        return Route(server=server, sender=sender, why=why)

    if server := next((server for server in candidates if not server.from_filter), None):
        rule = f"{_label(server)} is the first by priority (sequence) without from_filter"
        why = f"{_unmatched_text(address)}; {rule}.{rewritten}"
        return Route(server=server, sender=sender, why=why)

    if candidates:
        server = candidates[0]
        why = (
            f"{_unmatched_text(address)}; every active server has one, so {_label(server)}, the "
            f"first by priority (sequence), is the fallback. It is made for "
            f"'{server.from_filter}': mail from {sender} through it may fail SPF or DMARC."
        )
        return Route(server=server, sender=sender, why=why)

    why = "No server is active: Odoo uses smtp_server of odoo.conf, localhost:25 in stock images."
    if matches_from_filter(default_from_filter, address):
        sender = address
    elif becomes:
        why += f" {becomes}: mail.default.from_filter '{default_from_filter}' allows no other."
    return Route(server=None, sender=sender, why=why)


def default_server(
    servers: tuple[MailServerRecord, ...], *, notifications_email: str = ""
) -> MailServerRecord | None:
    """Return the server for senders that no `from_filter` matches; `None` when none is active.

    The first by (sequence, id) without `from_filter`, else the first of all. Where the
    notifications address is given, the server whose filter matches it comes before both.
    """
    return route("", servers, notifications_email=notifications_email).server


def is_default(servers: tuple[MailServerRecord, ...], server: MailServerRecord) -> bool:
    """Tell whether a server is the one that Odoo uses when no filter decides."""
    default = default_server(servers)
    return default is not None and default.id == server.id


def routing_effect(
    servers: tuple[MailServerRecord, ...],
    changed: MailServerRecord,
    *,
    notifications_email: str,
    sender_addresses: tuple[str, ...] = (),
) -> str:
    """Say in one sentence what writing `changed` means for the choice of servers.

    `changed` takes the place of the record with its id; when there is none, it is a new record.
    `sender_addresses` are the senders that this instance is known to have (its companies' and
    users' addresses); without any, a filter is taken to have senders.
    """
    before = default_server(servers, notifications_email=notifications_email)
    was_default = before is not None and before.id == changed.id
    others = tuple(server for server in servers if server.id != changed.id)
    if len(others) == len(servers):  # the database gives a new record the highest id
        changed = replace(changed, id=max((server.id for server in servers), default=0) + 1)
    after = _in_order((*others, changed))
    default = default_server(after, notifications_email=notifications_email)

    if changed == default:
        verb = "stays" if was_default else "becomes"
        replaced = f" in place of '{before.name}'" if before and not was_default else ""
        use = _default_text(changed, notifications_email)
        return f"'{changed.name}' {verb} the default server{replaced}: {use}."
    if default is None or changed not in after:
        use = _absent_text(changed)
    elif changed.from_filter:
        use = _filter_text(changed, after, sender_addresses)
    elif default.from_filter:
        use = f"is not chosen while '{default.name}' matches the notifications address"
    else:
        use = f"is not chosen while {_label_priority(default)} comes before it"
    if was_default:
        use += (
            f"; '{default.name}' becomes the default server"
            if default
            else "; no active server is left, so Odoo will use smtp_server of odoo.conf"
        )
    return f"'{changed.name}' {use}."


def _in_order(servers: tuple[MailServerRecord, ...]) -> tuple[MailServerRecord, ...]:
    """Return the servers that routing chooses from, in Odoo's order (`ir.mail_server._order`)."""
    return tuple(
        sorted(
            (
                server
                for server in servers
                if server.active and server.owner_user_id is None and server.ours is None
            ),
            key=lambda server: (server.sequence, server.id),
        )
    )


def _match(address: str, ordered: tuple[MailServerRecord, ...]) -> MailServerRecord | None:
    """Return the first server with this address in its filter, else with the address's domain."""
    target = normalize_address(address)
    domain = domain_of(target)
    by_address = (server for server in ordered if find_normalized(server.from_filter, target))
    by_domain = (server for server in ordered if find_domain(server.from_filter, domain))
    return next(by_address, None) or next(by_domain, None)


def _match_text(server: MailServerRecord, address: str, role: str) -> str:
    """Say which part of a server's filter matches the address that plays this role."""
    if part := find_address_part(server.from_filter, address):
        return f"from_filter '{part}' of {_label(server)} is {role}"
    part = find_domain_part(server.from_filter, address)
    return f"from_filter '{part}' of {_label(server)} matches the domain of {role}"


def _unmatched_text(address: str) -> str:
    """Say that no filter matches, and when so that none could."""
    if normalize_address(address):
        return "No from_filter matches the address"
    return f"'{address}' is not one mail address, so no from_filter matches it"


def _default_text(server: MailServerRecord, notifications_email: str) -> str:
    """Say for which senders a server is the default."""
    if not server.from_filter:
        return "used for every sender that no from_filter matches"
    if _match(notifications_email, (server,)):
        return (
            f"its from_filter matches {notifications_email}, the notifications address that takes "
            "the place of every sender that no from_filter matches"
        )
    return (
        "every active server has a from_filter, and this one, the first by priority, is the "
        f"fallback; mail from senders outside '{server.from_filter}' may fail SPF or DMARC"
    )


def _absent_text(server: MailServerRecord) -> str:
    """Say why a server takes no part in routing."""
    if not server.active:
        return "is archived: never chosen, not even as fallback"
    if server.owner_user_id is not None:
        return "is personal: chosen only for mail that its owner writes"
    return "is a copy that remote-mailcfg made: never chosen"


def _filter_text(
    server: MailServerRecord,
    ordered: tuple[MailServerRecord, ...],
    sender_addresses: tuple[str, ...],
) -> str:
    """Say for which senders a server is chosen by its filter alone."""
    takers = {
        part: _match(part, ordered) if "@" in part else _match_domain(part, ordered)
        for part in split_from_filter(server.from_filter)
        if not check_from_filter(normalize_address(part) or part)
    }
    if not any(takers.values()):
        return f"is never chosen: no address can match its from_filter '{server.from_filter}'"
    used = tuple(part for part, taker in takers.items() if taker == server)
    if not used:
        earlier = next(taker for taker in takers.values() if taker)
        return f"is not chosen while {_label_priority(earlier)} comes before it"
    if sender_addresses and all(_match(sender, ordered) != server for sender in sender_addresses):
        return (
            f"is never chosen: its from_filter '{server.from_filter}' decides for no company, user "
            "or notifications address of this instance"
        )
    senders = ", ".join(part if "@" in part else f"at {part}" for part in used)
    return f"is used only for senders {senders}"


def _match_domain(domain: str, ordered: tuple[MailServerRecord, ...]) -> MailServerRecord | None:
    """Return the first server with this domain in its filter."""
    servers = (server for server in ordered if find_domain_part(server.from_filter, f"a@{domain}"))
    return next(servers, None)


def _label(server: MailServerRecord) -> str:
    return f"server {server.id} '{server.name}'"


def _label_priority(server: MailServerRecord) -> str:
    return f"'{server.name}' (priority {server.sequence})"
