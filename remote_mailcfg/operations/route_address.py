"""Explain which mail server and sender Odoo will use for mail from an address."""

from dataclasses import dataclass

from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.instance.mail_servers import fetch_capabilities, fetch_servers
from remote_mailcfg.instance.senders import fetch_senders
from remote_mailcfg.model.from_filter import normalize_address
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.routing import Route, is_default, route
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.entry import enter_instance


@dataclass(frozen=True, slots=True)
class ExplainedRoute:
    """The choice, and whether its server is also the default one."""

    address: str
    route: Route
    default: bool


def route_address(target: Target, progress: Progress, *, address: str) -> ExplainedRoute:
    """Compute Odoo's choice for mail from `address` from the instance's records.

    Raises `invalid-value` for what is no address.
    """
    if not normalize_address(address):
        raise ConfigurationError(
            "invalid-value",
            f"{address!r} is not one mail address",
            "Give one address, for instance office@example.org",
        )
    with enter_instance(target, progress) as instance:
        servers = fetch_servers(instance, fetch_capabilities(instance))
        senders = fetch_senders(instance)
    chosen = route(
        address,
        servers,
        notifications_email=senders.notifications_email,
        default_from_filter=senders.default_from_filter,
    )
    default = chosen.server is not None and is_default(servers, chosen.server)
    return ExplainedRoute(address, chosen, default)
