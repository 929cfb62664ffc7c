"""Secrets that are found again wherever they leak to."""

import base64
import contextlib
import logging
import traceback
from collections.abc import Iterator

from remote_mailcfg.secret import Secret

PASSWORD = "canary-password-7f31"
API_KEY = "canary-key-7f32"
TOTP_SECRET = "CANARYTOTP7F33CANARYTOTP7F33ABCD".replace("1", "2")
HTTP_BASIC = "gate:canary-basic-7f34"
PROXY_PASSWORD = "canary-proxy-7f35"
SMTP_PASSWORD = "canary-smtp-7f36"
SESSION_ID = "canary-session-7f37"

CANARIES = (
    PASSWORD,
    API_KEY,
    TOTP_SECRET,
    HTTP_BASIC.partition(":")[2],
    base64.b64encode(HTTP_BASIC.encode()).decode(),
    PROXY_PASSWORD,
    SMTP_PASSWORD,
    SESSION_ID,
)

SECRETS = {
    "password": Secret(PASSWORD),
    "api_key": Secret(API_KEY),
    "totp_secret": Secret(TOTP_SECRET),
    "http_basic": Secret(HTTP_BASIC),
}


class _Ear(logging.Handler):
    """Keeps every record whole: its text, its arguments, its exception."""

    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.NOTSET)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self._heard.append(f"{record.getMessage()} {record.__dict__!r}")
        if record.exc_info and record.exc_info[1]:
            self._heard += texts_of(record.exc_info[1])


@contextlib.contextmanager
def all_logs() -> Iterator[list[str]]:
    """Give the text of every record of every logger, at every level."""
    heard: list[str] = []
    ear = _Ear(heard)
    existing = [it for it in logging.root.manager.loggerDict.values() if type(it) is logging.Logger]
    levels = {it: it.level for it in (logging.root, *existing)}
    logging.root.addHandler(ear)
    for logger in levels:
        logger.setLevel(logging.NOTSET + 1)
    try:
        yield heard
    finally:
        logging.root.removeHandler(ear)
        for logger, level in levels.items():
            logger.setLevel(level)


def texts_of(error: BaseException) -> list[str]:
    """Return all that an exception could be shown as, with those behind it, hidden ones too."""
    texts = ["".join(traceback.format_exception(error))]
    pending: list[BaseException | None] = [error]
    while pending:
        if (it := pending.pop()) is not None:
            texts += [str(it), repr(it), repr(vars(it))]
            pending += [it.__cause__, it.__context__]
    return texts


def leaks(texts: list[str]) -> list[str]:
    """Return the texts in which a secret is found."""
    return [text for text in texts if any(canary in text for canary in CANARIES)]
