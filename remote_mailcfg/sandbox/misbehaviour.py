"""HTTP that goes wrong by switch, in front of a WSGI application."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from io import BytesIO
from typing import Any, Never
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wrappers import Request, Response

CHUNK = b" " * 65536
LONGEST_SECONDS = 3600
#: With linger on and 0 seconds, a socket that closes sends a RST.
NO_LINGER = struct.pack("ii", 1, 0)


class Kind(StrEnum):
    """What goes wrong."""

    LATENCY = "latency"  # the answer comes late
    RESET = "reset"  # the connection ends with a RST
    TRUNCATED = "truncated"  # half the answer comes, and Content-Length says all of it
    TOO_MANY_REQUESTS = "429"
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    HTML = "html"  # 200, and a page
    CONTENT_TYPE = "content-type"  # the answer, as text/plain
    ENDLESS = "endless"  # a body without an end
    REDIRECT = "redirect"
    DRIP = "drip"  # the answer, a byte at a time
    SILENCE = "silence"  # no answer until the server stops


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """One thing that goes wrong, and for which requests.

    `seconds` is how late an answer comes, or the time between two bytes; `retry_after` and `to` are
    the headers Retry-After and Location. `times` says for how many requests (None: for all), `path`
    how their paths begin. With `done`, the application carries out what is answered in its place.
    """

    kind: Kind
    seconds: float = 1.0
    retry_after: str = ""
    to: str = "https://elsewhere.example/"
    times: int | None = None
    path: str = ""
    done: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.seconds <= LONGEST_SECONDS:
            raise ValueError(f"seconds is a number from 0 to {LONGEST_SECONDS}")
        if self.times is not None and self.times < 1:
            raise ValueError("times is a number from 1 on")


def _parse_flag(value: str) -> bool:
    if value:
        raise ValueError("a flag has no value")
    return True


#: How the value of each option of the text form is read.
_OPTIONS: dict[str, Callable[[str], object]] = {
    "seconds": float,
    "retry-after": str,
    "to": str,
    "times": int,
    "path": str,
    "done": _parse_flag,
}


def parse_misbehaviour(text: str) -> Misbehaviour:
    """Return what `KIND` or `KIND:OPTION=VALUE,…` asks for, for instance `429:retry-after=2`.

    Raises `ValueError`, with the kinds or the options that there are.
    """
    kind, _, options = text.partition(":")
    if kind not in set(Kind):
        raise ValueError(f"{kind!r} is not one of {', '.join(Kind)}")
    values: dict[str, Any] = {}
    for option in options.split(",") if options else ():
        name, _, value = option.partition("=")
        if name not in _OPTIONS:
            raise ValueError(f"{name!r} is not one of {', '.join(_OPTIONS)}")
        try:
            values[name.replace("-", "_")] = _OPTIONS[name](value)
        except ValueError as error:
            raise ValueError(f"{value!r} is no value for {name}") from error
    return Misbehaviour(Kind(kind), **values)


class Misbehaving:
    """An application that misbehaves while it is told to, served by `werkzeug.serving`.

    `held` is set once a request waits in `Kind.SILENCE`; set `stopping` when the server stops, and
    what still waits or flows ends.
    """

    def __init__(self, app: WSGIApplication, *misbehaviours: Misbehaviour) -> None:
        self._app = app
        self._misbehaviours = list(misbehaviours)
        self._lock = threading.Lock()
        self.held = threading.Event()
        self.stopping = threading.Event()

    def switch_to(self, *misbehaviours: Misbehaviour) -> None:
        """From the next request on, apply the first of these that fits; with none, behave."""
        with self._lock:
            self._misbehaviours = list(misbehaviours)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, well or badly."""
        misbehaviour = self._take(environ["PATH_INFO"])
        if misbehaviour is None:
            return self._app(environ, start_response)
        # werkzeug waits at the end for what is left unread.
        environ["wsgi.input"] = BytesIO(Request(environ).get_data())
        return self._misbehave(misbehaviour, environ)(environ, start_response)

    def _take(self, path: str) -> Misbehaviour | None:
        """Return the first that fits the path, and count it down."""
        with self._lock:
            for index, found in enumerate(self._misbehaviours):
                if not path.startswith(found.path):
                    continue
                if found.times == 1:
                    del self._misbehaviours[index]
                elif found.times:
                    self._misbehaviours[index] = replace(found, times=found.times - 1)
                return found
        return None

    def _misbehave(self, misbehaviour: Misbehaviour, environ: WSGIEnvironment) -> WSGIApplication:
        """Return what answers instead; raises `ConnectionError` where nothing does."""
        kind = misbehaviour.kind
        if kind == Kind.LATENCY:
            self.stopping.wait(misbehaviour.seconds)
            return self._app
        if kind in {Kind.TRUNCATED, Kind.CONTENT_TYPE, Kind.DRIP}:
            return self._spoil(Response.from_app(self._app, environ, buffered=True), misbehaviour)
        if misbehaviour.done:
            Response.from_app(self._app, environ, buffered=True)
        match kind:
            case Kind.RESET:
                _hang_up(environ["werkzeug.socket"], reset=True)
            case Kind.SILENCE:
                self.held.set()
                self.stopping.wait()
                _hang_up(environ["werkzeug.socket"])
            case Kind.ENDLESS:
                return Response(self._flow(), mimetype="application/json")
            case Kind.REDIRECT:
                return Response(status=302, headers={"Location": misbehaviour.to})
            case Kind.HTML:
                return _page(HTTPStatus.OK)
        page = _page(HTTPStatus(int(kind)))
        if misbehaviour.retry_after:
            page.headers["Retry-After"] = misbehaviour.retry_after
        return page

    def _spoil(self, answer: Response, misbehaviour: Misbehaviour) -> Response:
        """Change how the application's answer is sent."""
        body = answer.get_data()
        answer.content_length = len(body)
        match misbehaviour.kind:
            case Kind.TRUNCATED:
                answer.response = [body[: len(body) // 2]]
            case Kind.CONTENT_TYPE:
                answer.content_type = "text/plain"
            case Kind.DRIP:
                answer.response = self._drip(body, misbehaviour.seconds)
        return answer

    def _flow(self) -> Iterator[bytes]:
        while not self.stopping.is_set():
            yield CHUNK

    def _drip(self, body: bytes, seconds: float) -> Iterator[bytes]:
        for value in body:
            yield bytes([value])
            if self.stopping.wait(seconds):
                return


def _page(status: HTTPStatus) -> Response:
    title = f"{status.value} {status.phrase}"
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Response(page, status, mimetype="text/html")


def _hang_up(connection: socket.socket, *, reset: bool = False) -> Never:
    """End a connection without an answer; werkzeug says nothing of a `ConnectionError`."""
    with contextlib.suppress(OSError):  # the client has left already
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            connection.shutdown(socket.SHUT_RD)  # or werkzeug would wait for the next request
            connection.close()
        else:
            connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError
