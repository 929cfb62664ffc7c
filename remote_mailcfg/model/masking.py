"""What is made of texts from instances before they are shown: hidden, disarmed, cut.

Values themselves stay as they are: they are compared, written, and whole in JSON.
"""

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


#: So much of a text of an instance is shown to people at once; programs get the whole.
MOST_SHOWN: Final = 1000

_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
#: What a terminal obeys, what ends a line for some readers, what turns or hides other characters,
#: and halves of characters. Joiners are part of words in Sinhala, Persian and others: there they
#: stay. Line feed and tab stay.
_UNSEEN: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    r"\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
    r"|(?<![^\x00-\u02ff])[\u200c\u200d\ufe00-\ufe0f]"
)
#: What runners of GitHub, Azure, TeamCity take for a command, some anywhere in a line.
_COMMAND: Final = re.compile(
    r"(?<=#)#(?=\w*\[)|:(?=:(?:add-|debug|echo|end-?group|error|group|internal-|mask|notice|remove-"
    r"|save-|set-|stop-|warning))"
)
#: What begins the lines of ours that say what failed and what to do.
_LABEL: Final = r"([^\w\n]*)(next|error)([^\S\n]*):"
_LABEL_IN_FRONT: Final = re.compile(rf"(^|\n){_LABEL}")
_LABEL_BELOW: Final = re.compile(rf"(\n){_LABEL}")


def neutralize(text: str, *, begins_line: bool = True) -> str:
    """Return a text such that nothing obeys it, and no line of it looks like one of ours.

    It keeps its length, so that a table keeps its columns. `begins_line` says whether the text
    stands at the beginning of a line.
    """
    text = _COMMAND.sub(" ", _UNSEEN.sub(_REPLACEMENT, text))
    label = _LABEL_IN_FRONT if begins_line else _LABEL_BELOW
    return label.sub(r"\1\2\3\4;", text)


def escape_unseen(text: str) -> str:
    """Return a TOML document that holds what `neutralize` would replace as escapes."""
    return _COMMAND.sub(_escape, _UNSEEN.sub(_escape, text))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def shorten(text: str, most: int = MOST_SHOWN) -> str:
    """Return a text as people are shown it: one that is very long is cut, and says so."""
    if len(text) <= most:
        return text
    return f"{text[:most]}… (cut: {len(text)} characters, whole with -o json)"
