"""`from_filter` of a mail server: the addresses and domains that it may send from."""

import email.utils
import functools
import re

# Newer Pythons parse strictly by default; Odoo asks for the old way (odoo/tools/mail.py).
_getaddresses = (
    functools.partial(email.utils.getaddresses, strict=False)
    if hasattr(email.utils, "supports_strict_parsing")
    else email.utils.getaddresses
)

#: No text longer than this, a display name included, is an address. The standard library's parser
#: takes its time for long ones.
_LONGEST_ADDRESS = 500
#: What every reader takes for the same one address: read at once, since a filter may hold many.
_SIMPLE_ADDRESS = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_PLAIN_ADDRESS = re.compile(r"[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,63}")


def split_from_filter(text: str) -> tuple[str, ...]:
    """Return the parts of a filter as written: addresses and domains, no empty ones.

    Odoo 17 and 19, `ir.mail_server._parse_from_filter`: separated by commas, stripped.
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())


def normalize_address(text: str) -> str:
    """Return the address as Odoo compares it; `""` unless `text` holds exactly one.

    A display name (`"Name" <a@b>`) is dropped, the domain lower-cased, the local part too where it
    is ASCII. The same as `email_normalize` in odoo/tools/mail.py (17 and 19).
    """
    if "@" not in text or len(text) > _LONGEST_ADDRESS:
        return ""
    if _SIMPLE_ADDRESS.fullmatch(text):
        return text.lower()
    found = [(name, address) for name, address in _getaddresses([text]) if "@" in address]
    if any(address.startswith("@") for _, address in found):
        found = [("", address) for address in _PLAIN_ADDRESS.findall(text)] or found
    if len(found) != 1:
        return ""
    name, address = found[0]
    local, at, domain = (address if name else _drop_bare_name(address)).rpartition("@")
    return (local.lower() if local.isascii() else local) + at + domain.lower()


def normalize_domain(text: str) -> str:
    """Return the domain as Odoo compares it; `""` when `text` is an address.

    The same as `email_domain_normalize` in odoo/tools/mail.py (17 and 19).
    """
    return "" if "@" in text else text.lower()


def domain_of(address: str) -> str:
    """Return the domain of an address, lower-cased; `""` when it is none.

    The same as `email_domain_extract` in odoo/tools/mail.py (17 and 19).
    """
    return normalize_address(address).partition("@")[2].partition("@")[0]


def find_address_part(text: str, address: str) -> str:
    """Return the first part of the filter that is this address, as written; `""` when none is."""
    return find_normalized(text, normalize_address(address))


def find_normalized(text: str, target: str) -> str:
    """Do what `find_address_part` does, with an address that is normalized."""
    parts = (part for part in split_from_filter(text) if normalize_address(part) == target)
    return next(parts, "") if target and "@" in text else ""


def find_domain_part(text: str, address: str) -> str:
    """Return the first part of the filter that is the domain of this address; `""` when none is.

    A domain does not stand for its subdomains: Odoo compares whole domains.
    """
    return find_domain(text, domain_of(normalize_address(address)))


def find_domain(text: str, target: str) -> str:
    """Do what `find_domain_part` does, with the domain of an address."""
    parts = (part for part in split_from_filter(text) if normalize_domain(part) == target)
    return next(parts, "") if target else ""


def matches_from_filter(text: str, address: str) -> bool:
    """Tell whether a filter lets this sender pass; an empty one lets everybody pass.

    Odoo 17 and 19, `ir.mail_server._match_from_filter`.
    """
    return not text or bool(find_address_part(text, address) or find_domain_part(text, address))


def check_from_filter(text: str) -> tuple[str, ...]:
    """Return what is wrong with a filter that a user wants to write: a sentence for each part.

    Odoo stores any text; a part that is neither an address nor a domain never matches a sender
    (17 and 19, `ir.mail_server._find_mail_server`). An empty filter is right: it means no filter.
    """
    if not text:
        return ()
    problems = (_check_part(part.strip()) for part in text.split(","))
    return tuple(problem for problem in problems if problem)


def _check_part(part: str) -> str:
    """Return what is wrong with one part of a filter; `""` when it is right."""
    local, at, domain = part.partition("@")
    problem = ""
    if not part:
        problem = "A part of from_filter is empty: leave out the extra comma."
    elif ";" in part:
        problem = f"'{part}' contains a semicolon: separate addresses and domains with commas."
    elif any(mark in part for mark in '<>"'):
        problem = f"'{part}' contains a display name: write the bare address."
    elif len(part.split()) > 1:
        problem = (
            f"'{part}' contains a space: write one address or domain, and commas between them."
        )
    elif "@" in domain:
        problem = f"'{part}' contains two @: write one address, and commas between addresses."
    elif at and not local:
        problem = f"'{part}' is not a domain: write '{domain or 'example.org'}' without the @."
    elif at and not domain:
        problem = f"'{part}' has no domain: write the whole address, like '{part}example.org'."
    elif "*" in part:
        problem = f"'{part}' contains a *: Odoo knows no wildcards, write each domain in full."
    return problem


def _drop_bare_name(address: str) -> str:
    """Return the address within `Name name@example.org`, a display name without brackets."""
    if " " not in address:
        return address
    pairs = _getaddresses([address.replace(" ", ",")])
    return next((part for _, part in reversed(pairs) if "@" in part), address)
