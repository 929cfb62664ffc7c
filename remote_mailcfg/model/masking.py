"""Hide the mail addresses of other people in texts that are shown and kept."""

import re
from collections.abc import Collection
from typing import Final

MASK: Final = "<address>"

#: Brackets around an address go with it, so that `<a@b>` and `a@b` are masked alike.
_ADDRESS: Final = re.compile(r"<?([^\s<>()\[\]{},;:'\"]+@[\w.-]*\w)>?")

#: The recipient of Odoo's own test of a mail server: nobody's.
_NOBODYS: Final = frozenset({"noreply@odoo.com"})


def mask_addresses(text: str, keep: Collection[str] = ()) -> str:
    """Return the text with every address but those of `keep` (any case) masked."""
    kept = _NOBODYS | {address.strip().lower() for address in keep}
    return _ADDRESS.sub(lambda it: it[0] if it[1].lower() in kept else MASK, text)
