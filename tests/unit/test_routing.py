from typing import Any

import pytest

from remote_mailcfg.model.mail_server import BACKUP_PREFIX, CANDIDATE_PREFIX, MailServerRecord
from remote_mailcfg.model.routing import default_server, route, routing_effect

NOTIFICATIONS = "notify@example.org"


def server(server_id: int, **fields: Any) -> MailServerRecord:
    return MailServerRecord(**{"id": server_id, "name": f"S{server_id}", **fields})


@pytest.mark.parametrize(
    ("address", "servers", "chosen", "rule"),
    [
        pytest.param(
            "a@x.org",
            (server(1, sequence=1), server(12, sequence=50, from_filter="x.org", name="Main")),
            12,
            "from_filter 'x.org' of server 12 'Main' matches the domain of the address; "
            "from_filter is matched before priority (sequence).",
            id="a-domain-beats-priority",
        ),
        pytest.param(
            "a@x.org",
            (server(1, from_filter="x.org"), server(2, sequence=99, from_filter="b@y.org,a@x.org")),
            2,
            "from_filter 'a@x.org' of server 2 'S2' is the address; "
            "from_filter is matched before priority (sequence).",
            id="an-address-beats-a-domain",
        ),
        pytest.param(
            '"Name" <A@X.org>',
            (server(1), server(2, from_filter="x.org")),
            2,
            "from_filter 'x.org' of server 2 'S2' matches the domain",
            id="a-display-name-does-not-disturb",
        ),
        pytest.param(
            "a@x.org",
            (server(2, from_filter="x.org"), server(1, from_filter="x.org")),
            1,
            "of server 1 'S1'",
            id="equal-priority-is-decided-by-id",
        ),
        pytest.param(
            "a@mail.x.org",
            (server(1, from_filter="x.org"), server(2, sequence=20)),
            2,
            "No from_filter matches the address; server 2 'S2' is the first by priority "
            "(sequence) without from_filter.",
            id="without-a-match-the-first-without-filter",
        ),
        pytest.param(
            "OdooBot",
            (server(1),),
            1,
            "'OdooBot' is not one mail address, so no from_filter matches it; server 1",
            id="a-sender-without-address",
        ),
        pytest.param(
            "a@z.org",
            (server(1, sequence=20, from_filter="x.org"), server(2, from_filter="y.org")),
            2,
            "No from_filter matches the address; every active server has one, so server 2 'S2', "
            "the first by priority (sequence), is the fallback. It is made for 'y.org': mail from "
            "a@z.org through it may fail SPF or DMARC.",
            id="with-filters-everywhere-the-first-is-the-fallback",
        ),
        pytest.param(
            "a@x.org",
            (
                server(1, from_filter="x.org", active=False),
                server(2, from_filter="x.org", owner_user_id=7),
                server(3, from_filter="x.org", name=f"{CANDIDATE_PREFIX}1: S9"),
                server(4, from_filter="x.org", name=f"{BACKUP_PREFIX}1: S9"),
                server(5, sequence=99),
            ),
            5,
            "server 5 'S5' is the first",
            id="archived-personal-and-own-copies-take-no-part",
        ),
    ],
)
def test_route_follows_odoos_rules(
    address: str, servers: tuple[MailServerRecord, ...], chosen: int, rule: str
) -> None:
    result = route(address, servers, notifications_email="")

    assert result.server is not None
    assert result.server.id == chosen
    assert result.sender == address
    assert rule in result.why


@pytest.mark.parametrize(
    ("servers", "rule"),
    [
        pytest.param(
            (server(1), server(2, from_filter=NOTIFICATIONS)),
            "No from_filter matches the address; from_filter 'notify@example.org' of server 2 "
            "'S2' is the notifications address. The sender becomes the notifications address "
            "notify@example.org.",
            id="its-address",
        ),
        pytest.param(
            (server(1), server(2, from_filter="example.org")),
            "from_filter 'example.org' of server 2 'S2' matches the domain of the notifications",
            id="its-domain",
        ),
    ],
)
def test_a_filter_on_the_notifications_address_beats_a_server_without_filter(
    servers: tuple[MailServerRecord, ...], rule: str
) -> None:
    result = route("a@x.org", servers, notifications_email="Notify@example.org")

    assert result.server == servers[1]
    assert result.sender == NOTIFICATIONS
    assert rule in result.why


@pytest.mark.parametrize(
    "servers",
    [
        pytest.param((server(1),), id="server-without-filter"),
        pytest.param((server(1, from_filter="y.org"),), id="fallback"),
    ],
)
def test_without_a_match_the_notifications_address_is_the_sender(
    servers: tuple[MailServerRecord, ...],
) -> None:
    result = route("a@x.org", servers, notifications_email=NOTIFICATIONS)

    assert result.sender == NOTIFICATIONS
    assert NOTIFICATIONS in result.why


def test_the_notifications_address_does_not_become_itself() -> None:
    result = route(NOTIFICATIONS, (server(1),), notifications_email=NOTIFICATIONS)

    assert "becomes" not in result.why


ODOO_CONF = "No server is active: Odoo uses smtp_server of odoo.conf, localhost:25 in stock images."


@pytest.mark.parametrize(
    ("notifications_email", "default_from_filter", "sender", "why"),
    [
        pytest.param(NOTIFICATIONS, "", "a@x.org", ODOO_CONF, id="no-default-filter"),
        pytest.param(NOTIFICATIONS, "x.org", "a@x.org", ODOO_CONF, id="default-filter-matches"),
        pytest.param(
            NOTIFICATIONS,
            "y.org",
            NOTIFICATIONS,
            f"{ODOO_CONF} The sender becomes the notifications address {NOTIFICATIONS}: "
            "mail.default.from_filter 'y.org' allows no other.",
            id="default-filter-does-not-match",
        ),
        pytest.param("", "y.org", "a@x.org", ODOO_CONF, id="nothing-to-replace-the-sender-by"),
    ],
)
def test_without_active_servers_odoo_conf_sends(
    notifications_email: str, default_from_filter: str, sender: str, why: str
) -> None:
    result = route(
        "a@x.org",
        (server(1, active=False),),
        notifications_email=notifications_email,
        default_from_filter=default_from_filter,
    )

    assert result.server is None
    assert result.sender == sender
    assert result.why == why


@pytest.mark.parametrize(
    ("servers", "chosen"),
    [
        pytest.param((server(1, from_filter="x.org"), server(2)), 2, id="first-without-filter"),
        pytest.param((server(1), server(2, sequence=1)), 2, id="smallest-sequence"),
        pytest.param((server(1, from_filter="x.org"),), 1, id="first-when-all-have-filters"),
        pytest.param((server(1, active=False),), None, id="none-active"),
    ],
)
def test_default_server_is_the_one_when_no_filter_decides(
    servers: tuple[MailServerRecord, ...], chosen: int | None
) -> None:
    found = default_server(servers)

    assert (found and found.id) == chosen


def test_default_server_counts_a_filter_on_the_notifications_address() -> None:
    servers = (server(1), server(2, from_filter="example.org"))

    assert default_server(servers, notifications_email=NOTIFICATIONS) == servers[1]


@pytest.mark.parametrize(
    ("servers", "changed", "effect"),
    [
        pytest.param(
            (),
            server(0),
            "'S0' becomes the default server: used for every sender that no from_filter matches.",
            id="first-server",
        ),
        pytest.param(
            (server(1),),
            server(9, sequence=1),
            "'S9' becomes the default server in place of 'S1': used for every",
            id="new-server-comes-first",
        ),
        pytest.param(
            (server(7),),
            server(0),
            "'S0' is not chosen while 'S7' (priority 10) comes before it.",
            id="new-server-gets-the-highest-id",
        ),
        pytest.param(
            (server(1), server(2, sequence=20)),
            server(1, smtp_port=587),
            "'S1' stays the default server: used for every",
            id="default-changes-its-port",
        ),
        pytest.param(
            (server(1), server(2, sequence=20)),
            server(1, sequence=30),
            "'S1' is not chosen while 'S2' (priority 20) comes before it; 'S2' becomes the "
            "default server.",
            id="default-moves-behind",
        ),
        pytest.param(
            (server(1), server(2, sequence=20)),
            server(1, active=False),
            "'S1' is archived: never chosen, not even as fallback; 'S2' becomes the default "
            "server.",
            id="default-is-archived",
        ),
        pytest.param(
            (server(1),),
            server(1, active=False),
            "'S1' is archived: never chosen, not even as fallback; no active server is left, so "
            "Odoo will use smtp_server of odoo.conf.",
            id="last-server-is-archived",
        ),
        pytest.param(
            (server(1),),
            server(2, active=False),
            "'S2' is archived: never chosen, not even as fallback.",
            id="archived-is-created",
        ),
        pytest.param(
            (server(1),),
            server(2, sequence=1, from_filter="x.org, me@y.org"),
            "'S2' is used only for senders at x.org, me@y.org.",
            id="filter-keeps-it-to-its-senders",
        ),
        pytest.param(
            (server(1, from_filter="x.org"),),
            server(1, from_filter="y.org"),
            "'S1' stays the default server: every active server has a from_filter, and this one, "
            "the first by priority, is the fallback; mail from senders outside 'y.org' may fail "
            "SPF or DMARC.",
            id="filters-everywhere",
        ),
        pytest.param(
            (server(1), server(2, sequence=5, from_filter="x.org")),
            server(3, from_filter="x.org"),
            "'S3' is not chosen while 'S2' (priority 5) comes before it.",
            id="same-filter-behind-another",
        ),
        pytest.param(
            (server(1), server(2, sequence=5, from_filter="x.org")),
            server(3, from_filter="x.org, y.org"),
            "'S3' is used only for senders at y.org.",
            id="one-of-two-domains-is-another-servers",
        ),
        pytest.param(
            (server(1),),
            server(2, from_filter="@x.org, *.y.org"),
            "'S2' is never chosen: no address can match its from_filter '@x.org, *.y.org'.",
            id="filter-that-matches-nothing",
        ),
        pytest.param(
            (server(1),),
            server(2, owner_user_id=7),
            "'S2' is personal: chosen only for mail that its owner writes.",
            id="personal",
        ),
        pytest.param(
            (server(1),),
            server(2, name=f"{BACKUP_PREFIX}1: S1"),
            "is a copy that remote-mailcfg made: never chosen.",
            id="own-copy",
        ),
    ],
)
def test_routing_effect_says_what_a_change_means(
    servers: tuple[MailServerRecord, ...], changed: MailServerRecord, effect: str
) -> None:
    assert effect in routing_effect(servers, changed, notifications_email="")


@pytest.mark.parametrize(
    ("servers", "changed", "effect"),
    [
        pytest.param(
            (server(1),),
            server(2, from_filter="example.org"),
            "'S2' becomes the default server in place of 'S1': its from_filter matches "
            "notify@example.org, the notifications address that takes the place of every sender "
            "that no from_filter matches.",
            id="filter-on-it-makes-the-default",
        ),
        pytest.param(
            (server(1, from_filter="example.org"),),
            server(2, sequence=1),
            "'S2' is not chosen while 'S1' matches the notifications address.",
            id="filter-on-it-beats-no-filter",
        ),
    ],
)
def test_routing_effect_knows_the_notifications_address(
    servers: tuple[MailServerRecord, ...], changed: MailServerRecord, effect: str
) -> None:
    assert routing_effect(servers, changed, notifications_email=NOTIFICATIONS) == effect


@pytest.mark.parametrize(
    ("sender_addresses", "effect"),
    [
        pytest.param(("a@x.org",), "'S2' is used only for senders at x.org.", id="one-matches"),
        pytest.param(
            ("a@y.org", "b@y.org"),
            "'S2' is never chosen: its from_filter 'x.org' decides for no company, user or "
            "notifications address of this instance.",
            id="none-matches",
        ),
    ],
)
def test_routing_effect_knows_the_senders_of_the_instance(
    sender_addresses: tuple[str, ...], effect: str
) -> None:
    found = routing_effect(
        (server(1),),
        server(2, from_filter="x.org"),
        notifications_email="",
        sender_addresses=sender_addresses,
    )

    assert found == effect
