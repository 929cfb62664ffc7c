"""One pooled, keep-alive HTTP client for one instance: the only place that touches the network.

It knows about time limits, rate limits, the size of an answer and cookies; it knows nothing of
Odoo. A redirect is never followed: the caller sees it and says where it points.
"""

import logging
import math
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, Self

import urllib3

from remote_mailcfg import __version__
from remote_mailcfg.errors import ConfigurationError, TransportError
from remote_mailcfg.model.target import Target
from remote_mailcfg.rpc.foreign_errors import foreign_errors_stopped, is_reset, no_answer
from remote_mailcfg.rpc.interruption import Call, check_interruption
from remote_mailcfg.rpc.pace import Pace, pace_of, when_to_try_again
from remote_mailcfg.rpc.pool import basic, open_pool
from remote_mailcfg.secret import Secret, SentSecrets

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
CONNECT_TIMEOUT_SECONDS: Final = 10.0
#: How often a call is sent to a host that asks to wait and does not say for how long.
MOST_TRIES: Final = 5
#: A cookie of so many characters may be a key, also of a proxy in front.
SHORTEST_KEY: Final = 16
#: The least wait between two tries, also for a host that asks for none.
SHORTEST_WAIT_SECONDS: Final = 1.0
#: A token of RFC 9110, 5.6.2.
COOKIE_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the headers (any case) and the whole body.

    It may repeat one of the `secrets` that were sent: `quote` is how a text of it is shown.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    secrets: SentSecrets = field(default_factory=SentSecrets)

    def quote(self, text: str) -> str:
        """Return a text of the answer as an error may show it."""
        return self.secrets.conceal(text)

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def retry_after_seconds(self) -> float | None:
        """How long to wait as Retry-After tells it, in seconds or as a date; None without one."""
        text = self.headers.get("retry-after", "").strip()
        if re.fullmatch("[0-9]{1,9}", text):
            return float(text)
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
        except (ValueError, OverflowError):
            return None


@dataclass(slots=True)
class CookieJar:
    """The cookies of one address and one database; it is never shared with another."""

    cookies: dict[str, str] = field(default_factory=dict)

    def header(self) -> dict[str, str]:
        """Return the `Cookie` header to send, or nothing."""
        if not self.cookies:
            return {}
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    def keep(self, set_cookie: list[str]) -> None:
        """Take over what the server set, and drop what it let expire."""
        for line in set_cookie:
            pair, *attributes = line.split(";")
            name, _, value = (part.strip() for part in pair.partition("="))
            if not COOKIE_NAME.fullmatch(name) or not (value.isascii() and value.isprintable()):
                continue  # a proxy's, which could not be sent back: Odoo's own is well formed
            if any(it.strip().lower() == "max-age=0" for it in attributes):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


class HttpClient:
    """Sends requests to the address of one target, one after the other, over one connection.

    `secrets` are those that it sends, which no error and no log may repeat after an answer.
    Clients in other threads share the `pace` of their host, and nothing else.
    """

    def __init__(
        self,
        target: Target,
        *,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        pace: Pace | None = None,
    ) -> None:
        self._target = target
        self._max_answer_bytes = max_answer_bytes
        self._headers = {"User-Agent": f"remote-mailcfg/{__version__}"}
        self.secrets = SentSecrets(target.login)
        self.secrets.add(target.api_key, target.password, target.totp_secret, target.http_basic)
        if target.http_basic:
            pair = target.http_basic.reveal()
            self._headers["Authorization"] = basic(pair)
            self.secrets.add(Secret(pair.partition(":")[2]))
        self._pace = pace or pace_of(target.url)
        self._pace.slow_to(target.min_interval_seconds)
        self._pool = open_pool(target, self.secrets)

    def request(
        self,
        method: str,
        path: str,
        *,
        what: str = "",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        jar: CookieJar | None = None,
        repeatable: bool = False,
    ) -> Answer:
        """Send a request when it is its turn, and return its answer, whatever its status.

        `path` starts with a slash and comes after the target's address; `what` names the call in
        the log. A host that asks to wait (429, or 503 with Retry-After) is left alone by every
        client for that time. `repeatable` is for a call that changes nothing: after such an answer
        it is sent again, for as long as the target's time limit allows, and once after a connection
        that was reset. Any other call is sent once. The time limit is for all tries together, with
        the pauses between them; the wait for the requests of others to the host does not count.

        Raises `TransportError`: `unreachable`, `timeout`, `tls-failed`, `not-odoo` (an answer over
        the size limit), `rate-limited` (the host is held for longer than the time limit, nothing
        was sent); `ConfigurationError` for a value that no header can carry.
        """
        seconds_left = self._target.timeout_seconds
        tries, pause = 0, 0.0
        while True:
            tries += 1
            self._wait_turn(seconds_left)
            seconds_left -= pause
            check_interruption()
            started = time.monotonic()
            try:
                answer = self._send(
                    method,
                    path,
                    what=what,
                    body=body,
                    headers=headers or {},
                    jar=jar,
                    seconds=seconds_left,
                )
            except TransportError as error:
                check_interruption()
                seconds_left -= time.monotonic() - started
                if repeatable and tries == 1 and is_reset(error) and seconds_left > 0:
                    continue
                raise
            pause = _pause(answer, tries)
            if not pause:
                return answer
            logger.info("%s asks to wait %g s", self._target.url, pause)
            self._pace.hold(pause)
            seconds_left -= time.monotonic() - started
            is_last = tries >= MOST_TRIES and answer.retry_after_seconds is None
            if not repeatable or is_last or pause >= seconds_left:
                return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.clear()

    def _wait_turn(self, seconds_left: float) -> None:
        held_seconds = self._pace.wait_turn(self._pace.now() + seconds_left)
        if held_seconds:
            raise TransportError(
                "rate-limited",
                f"{self._target.url} was not asked: its host wants no request for another"
                f" {math.ceil(held_seconds)} s",
                when_to_try_again(held_seconds),
            )

    def _send(
        self,
        method: str,
        path: str,
        *,
        what: str,
        body: bytes | None,
        headers: Mapping[str, str],
        jar: CookieJar | None,
        seconds: float,
    ) -> Answer:
        url = self._target.url + path
        sent = self._headers | dict(headers) | (jar.header() if jar else {})
        _check_headers(sent)
        started = time.monotonic()
        self._note_cookies(jar)
        with self._ended_in_time(seconds), foreign_errors_stopped(self._target, self.secrets):
            response = self._pool.request(
                method,
                url,
                body=body,
                headers=sent,
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(
                    connect=min(CONNECT_TIMEOUT_SECONDS, seconds), read=seconds
                ),
            )
            answer_body = self._read(response)
        if jar:
            jar.keep(response.headers.getlist("set-cookie"))
            self._note_cookies(jar)
        logger.info(
            "%s %s %s -> %d, %d bytes, %d ms",
            method,
            url,
            what,
            response.status,
            len(answer_body),
            (time.monotonic() - started) * 1000,
        )
        return Answer(response.status, response.headers, answer_body, self.secrets)

    def _note_cookies(self, jar: CookieJar | None) -> None:
        """Keep the session's key out of texts; other cookies hold a language or a time zone."""
        for name, value in jar.cookies.items() if jar else ():
            if name == "session_id" or len(value) >= SHORTEST_KEY:
                self.secrets.add(Secret(value))

    @contextmanager
    def _ended_in_time(self, seconds: float) -> Iterator[None]:
        """End the request when its time is over; whatever it is then, it is a timeout."""
        call = Call(seconds)
        try:
            with call:
                yield
        except TransportError as error:
            if call.is_shut:
                raise no_answer(self._target) from error
            raise
        if call.is_shut:
            raise no_answer(self._target)

    def _read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        """Read the body within the size limit, then free the connection."""
        parts: list[bytes] = []
        size = 0
        try:
            while part := response.read1(65536):
                parts.append(part)
                size += len(part)
                self._check_size(size)
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return b"".join(parts)

    def _check_size(self, size: int) -> None:
        if size > self._max_answer_bytes:
            raise TransportError(
                "not-odoo",
                f"{self._target.url} sent more than {self._max_answer_bytes} bytes in one answer",
                "Check that the address is that of Odoo.",
            )


def _pause(answer: Answer, tries: int) -> float:
    """Return for how many seconds the host wants no request after this answer, mostly 0."""
    asked = answer.retry_after_seconds
    if answer.status == 429 and asked is None:
        return SHORTEST_WAIT_SECONDS * 2.0 ** (tries - 1)
    if answer.status in {429, 503} and asked is not None:
        return max(asked, SHORTEST_WAIT_SECONDS)
    return 0.0


def _check_headers(headers: Mapping[str, str]) -> None:
    """Refuse what no header can carry, before the library does: its error shows the value."""
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise ConfigurationError(
                "configuration",
                f"the value for the HTTP header {name} has a character that a header cannot carry",
                "Look for a line break or a letter outside ASCII in the API key and the database's"
                " name (OPENSPP_API_KEY, OPENSPP_DB).",
            )
