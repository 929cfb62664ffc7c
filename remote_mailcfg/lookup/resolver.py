"""Questions to DNS, each asked once in a run, with dnspython (extra `dns`)."""

import functools
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from remote_mailcfg.errors import ConfigurationError

if TYPE_CHECKING:
    from dns.resolver import Resolver as DnsResolver

#: For one question, all tries and servers together.
MOST_SECONDS: Final = 6.0
DNS_PORT: Final = 53
#: What every DNS has that is connected to the world's: the servers of the root, and of `com`.
ALWAYS_THERE: Final = (".", "com")
#: After so many time-outs in a row, and one more of the root, nobody is asked any more: there is no
#: DNS here.
MOST_TIMEOUTS: Final = 3


class NoAnswerError(Exception):
    """Nobody answered a question: a time-out, or a server that failed. It says why."""


class Resolver:
    """Asks DNS; the same question is asked once, by whatever thread."""

    def __init__(self, nameservers: Sequence[str] = (), port: int = DNS_PORT) -> None:
        self._resolver = _make_resolver(nameservers, port)
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], tuple[str, ...] | NoAnswerError] = {}
        self._asking: dict[tuple[str, str], threading.Lock] = {}
        self._timeouts = 0
        self._probing = threading.Lock()
        self._dead = False
        self._absent: set[str] = set()

    def ask(self, name: str, kind: str) -> tuple[str, ...]:
        """Return the records of a kind as text, in order; `()` where there are none.

        Raises `NoAnswerError`.
        """
        key = (name.lower().rstrip("."), kind)
        with self._lock:
            asking = self._asking.setdefault(key, threading.Lock())
        with asking:  # who asks the same meanwhile waits for this answer
            known = self._known.get(key)
            if known is None and self._is_dead():
                raise NoAnswerError(f"{kind} of {name}: not asked, since DNS does not answer")
            if known is None:
                known = self._known[key] = self._ask(key[0] or ".", kind)
        if isinstance(known, NoAnswerError):
            raise known
        return known

    def _is_dead(self) -> bool:
        """Tell whether nobody is there: one domain whose own servers are silent says nothing."""
        with self._probing:
            if self._timeouts >= MOST_TIMEOUTS and not self._dead:
                self._ask(ALWAYS_THERE[0], "NS")
                self._dead = self._timeouts >= MOST_TIMEOUTS
            return self._dead

    def addresses(self, name: str) -> tuple[str, ...]:
        """Return the addresses of a name, of both families."""
        return (*self.ask(name, "A"), *self.ask(name, "AAAA"))

    def texts(self, name: str, beginning: str) -> tuple[str, ...]:
        """Return the TXT records that begin so, whatever their case."""
        found = self.ask(name, "TXT")
        return tuple(it for it in found if it.lower().startswith(beginning.lower()))

    def is_absent(self, name: str) -> bool:
        """Tell whether a name is not there at all, nor any below it. Raises `NoAnswerError`."""
        self.ask(name, "A")
        return name.lower().rstrip(".") in self._absent

    def find_problem(self) -> str:
        """Return why nothing that this DNS says there is not can be believed, `""` where it can."""
        try:
            if any(self.ask(name, "NS") for name in ALWAYS_THERE):
                return ""
        except NoAnswerError as error:
            return f"DNS does not answer: {error}"
        return "DNS answers that nothing exists, not even the domain com"

    def _ask(self, name: str, kind: str) -> tuple[str, ...] | NoAnswerError:
        import dns.exception  # noqa: PLC0415 - slow to load, and there: a resolver was made with it
        import dns.resolver  # noqa: PLC0415

        try:
            answer = self._resolver.resolve(name, kind, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            self._timeouts = 0
            self._absent.add(name)
            return ()
        except dns.exception.Timeout as error:
            self._timeouts += 1
            return NoAnswerError(f"{kind} of {name}: {type(error).__name__}")
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            return NoAnswerError(f"{kind} of {name}: {type(error).__name__}")
        self._timeouts = 0
        return tuple(sorted(_text(record) for record in answer.rrset or ()))


def _text(record: Any) -> str:
    """Return a record as text: a TXT's strings joined, an MX's name alone."""
    if hasattr(record, "strings"):
        return b"".join(record.strings).decode("utf-8", "replace")
    if hasattr(record, "exchange"):
        return str(record.exchange).rstrip(".").lower() or "."
    return str(record.to_text()).rstrip(".")


def _make_resolver(nameservers: Sequence[str], port: int) -> "DnsResolver":
    require_dns()
    import dns.resolver  # noqa: PLC0415 - slow to load

    try:
        resolver = dns.resolver.Resolver(configure=not nameservers)
    except dns.resolver.NoResolverConfiguration:  # nobody to ask, which every question then says
        resolver = dns.resolver.Resolver(configure=False)
    if nameservers:
        resolver.nameservers = list(nameservers)
    resolver.port = port
    resolver.lifetime = MOST_SECONDS
    return resolver


def require_dns() -> None:
    """Raise `ConfigurationError` where the extra is not installed."""
    try:
        import cryptography  # noqa: F401, PLC0415 - looked for
        import dns  # noqa: F401, PLC0415 - likewise
        import publicsuffixlist  # noqa: F401, PLC0415 - likewise
    except ImportError:
        raise ConfigurationError(
            "configuration",
            "--dns: the Python packages of the extra 'dns' are not all installed",
            "pip install 'remote-mailcfg[dns]'",
        ) from None


@functools.lru_cache(maxsize=4)
def resolver_of(nameservers: tuple[str, ...], port: int, run: str) -> Resolver:
    """Return the resolver of a run, which all its instances share."""
    del run
    return Resolver(nameservers, port)
