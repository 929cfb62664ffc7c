"""The sender addresses of an instance, as far as its records tell."""

from dataclasses import dataclass

from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.parameters import fetch_parameters
from remote_mailcfg.rpc.answers import one_record, text


@dataclass(frozen=True, slots=True)
class Senders:
    """What routing depends on beside the mail servers.

    `notifications_email` is the default From of the user's company (`mail.alias.domain`, 17 and
    19), `""` where there is none: Odoo then takes `email_from` of odoo.conf, which no call tells.
    `addresses` are those of the company and of the user.
    """

    notifications_email: str
    default_from_filter: str
    addresses: tuple[str, ...]


def fetch_senders(instance: Instance) -> Senders:
    """Ask for the company of the logged-in user, its addresses and the default filter."""
    user = instance.fetch_user()
    company = instance.call(
        "res.company",
        "read",
        (user.company_id,),
        fields=["email", "default_from_email"],
        expect=one_record(email=text, default_from_email=text),
    )
    key = "mail.default.from_filter"
    known = (company["default_from_email"], company["email"], user.email)
    return Senders(
        company["default_from_email"],
        fetch_parameters(instance, key).get(key, ""),
        tuple(address for address in known if address),
    )
