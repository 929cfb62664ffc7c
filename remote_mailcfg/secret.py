"""A secret is not a string: it has no text form, so that it cannot be printed by accident.

What was sent may come back: `SentSecrets` takes it out of the texts of an answer.
"""

import base64
import hmac
import json
import re
import string
from collections.abc import Callable, Iterator
from typing import Final, NoReturn
from urllib.parse import quote_from_bytes
from xml.sax.saxutils import escape

#: What stands in a text where a secret was.
HIDDEN: Final = "***"
#: No text has it: a character that Unicode keeps for the use within a program.
_PLACE: Final = "\ufdd0"
#: A secret of fewer characters is replaced where it is a word: elsewhere it would be anything.
_SHORT: Final = 4
_BASE64: Final = frozenset(string.ascii_letters + string.digits + "+/-_=")


class Secret:
    """Holds a password, an API key or a TOTP secret; only `reveal` hands it out.

    Printing, formatting and logging show `Secret(…)`; pickling is refused, so a secret never
    travels to a file or to another machine.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself. Call it only where the value goes onto the wire."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __bool__(self) -> bool:
        return bool(self._value)

    __hash__ = None  # type: ignore[assignment]  # unhashable: a secret is no dictionary key

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled; hand on its reference and resolve it there")


class SentSecrets:
    """The secrets that are sent to one instance, which its answers may repeat.

    `conceal` is for the texts of errors and logs alone. A value that is compared, listed or written
    stays as it is: a password may be `admin`.
    """

    __slots__ = ("_cores", "_forms", "_login", "_secrets")

    def __init__(self, login: str = "") -> None:
        self._login = login
        self._secrets: dict[str, None] = {}
        self._forms: list[str] = []
        self._cores: list[str] = []

    def add(self, *secrets: Secret | None) -> None:
        """Take note of secrets before they are sent."""
        for secret in secrets:
            if secret and (text := secret.reveal()) not in self._secrets:
                self._secrets[text] = None
                self._forms = []

    def conceal(self, text: str) -> str:
        """Return the text with every secret replaced, whichever way a server has written it."""
        if not self._secrets:
            return text
        if not self._forms:
            forms = {form for secret in self._secrets for form in _forms(secret, self._login)}
            self._forms = sorted(forms, key=lambda it: (-len(it), it))
            written = (it for secret in self._secrets for it in _written(secret))
            self._cores = sorted({core for text in written for core in _base64_cores(text)})
        for form in self._forms:
            text = text.replace(form, _PLACE)
        for secret in self._secrets:
            if len(secret) < _SHORT:
                text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", _PLACE, text)
        for core in self._cores:
            text = _replace_word(text, core)
        return text.replace(_PLACE, HIDDEN)


def _forms(secret: str, login: str) -> Iterator[str]:
    """Yield the ways to write a secret as a whole, and each line of a long one."""
    for pair in (secret, f"{login}:{secret}"):
        if len(pair) < _SHORT:
            continue
        encoded = base64.b64encode(_bytes(pair)).decode()
        yield encoded
        yield encoded.replace("+", "-").replace("/", "_").rstrip("=")
    parts = [secret, *secret.splitlines(), *_decoded(secret).splitlines()]
    for part in parts:
        if len(part) >= _SHORT and not part.startswith("-----"):
            once = _written(part)
            yield from once.union(*map(_written, once))


def _written(text: str) -> set[str]:
    return {text} | {write(text) for write in _WRITERS}


def _decoded(secret: str) -> str:
    """Return the PEM text in a secret that is sent in base64, `""` where there is none."""
    try:
        text = base64.b64decode(secret, validate=True).decode()
    except ValueError:
        return ""
    return text if text.startswith("-----BEGIN") else ""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _in_markup(quotes: dict[str, str]) -> Callable[[str], str]:
    return lambda text: escape(text, quotes)


def _in_url(safe: str, *, lower: bool = False, plus: bool = False) -> Callable[[str], str]:
    def write(text: str) -> str:
        quoted = quote_from_bytes(_bytes(text), safe)
        if lower:
            quoted = re.sub("%[0-9A-F]{2}", lambda it: it[0].lower(), quoted)
        return quoted.replace("%20", "+") if plus else quoted

    return write


#: How a text is written within another: JSON, Python, XML and HTML, addresses, a header.
_WRITERS: Final[tuple[Callable[[str], str], ...]] = (
    lambda it: json.dumps(it)[1:-1],
    lambda it: json.dumps(it, ensure_ascii=False)[1:-1],
    lambda it: json.dumps(it)[1:-1].replace("/", "\\/"),
    lambda it: repr(it)[1:-1],
    *(
        _in_markup({'"': double, "'": single})
        for double in ('"', "&quot;", "&#34;", "&#x22;")
        for single in ("'", "&apos;", "&#39;", "&#x27;")
    ),
    *(
        _in_url(safe, lower=lower, plus=plus)
        for safe in ("", "/", "!'()*~")
        for lower in (False, True)
        for plus in (False, True)
    ),
    lambda it: _bytes(it).decode("latin-1"),
)


def _base64_cores(secret: str) -> set[str]:
    """Return what base64 of any text with the secret in it has, whatever stands before it."""
    plain = _bytes(secret)
    cores = set()
    for skipped in range(3):
        whole = plain[skipped : len(plain) - (len(plain) - skipped) % 3]
        if len(plain) > _SHORT and whole:
            core = base64.b64encode(whole).decode()
            cores |= {core, core.replace("+", "-").replace("/", "_")}
    return cores


def _replace_word(text: str, core: str) -> str:
    """Replace every word of base64 that `core` is in."""
    parts: list[str] = []
    end = 0
    while (found := text.find(core, end)) >= 0:
        begin = found
        while begin > end and text[begin - 1] in _BASE64:
            begin -= 1
        parts += [text[end:begin], _PLACE]
        end = found + len(core)
        while end < len(text) and text[end] in _BASE64:
            end += 1
    return "".join((*parts, text[end:]))
