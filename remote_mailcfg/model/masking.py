"""Hide the mail addresses of other people in texts that are shown and kept."""

import re
from collections.abc import Collection
from typing import Final

MASK: Final = "<address>"

#: What may hold an address, and the brackets around it: `<a@b>` and `a@b` are masked alike.
_WORD: Final = re.compile(r"<?([^\s<>()\[\]{},;:'\"]+)>?")
_DOMAIN: Final = re.compile(r"[\w.-]*\w")

#: The recipient of Odoo's own test of a mail server: nobody's.
_NOBODYS: Final = frozenset({"noreply@odoo.com"})


def mask_addresses(text: str, keep: Collection[str] = ()) -> str:
    """Return the text with every address but those of `keep` (any case) masked."""
    kept = _NOBODYS | {address.strip().lower() for address in keep}

    def mask(match: re.Match[str]) -> str:
        word = match[1]
        end = _find_end(word)
        if not end or word[:end].lower() in kept:
            return match[0]
        if end == len(word):
            return MASK
        return MASK + word[end:] + (">" if match[0].endswith(">") else "")

    return _WORD.sub(mask, text)


def _find_end(word: str) -> int:
    """Return where the address ends that a word begins with, 0 where it is none.

    The last `@` with a domain counts. Each is looked at once, up to the next.
    """
    at = word.rfind("@")
    while at > 0:
        if domain := _DOMAIN.match(word, at + 1):
            return domain.end()
        at = word.rfind("@", 0, at)
    return 0
