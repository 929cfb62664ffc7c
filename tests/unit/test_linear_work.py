"""Work on what comes from outside grows in a line: at these lengths, a square takes too long."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from remote_mailcfg.audit.rules import RULES
from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.instance.developer_mode import major_version
from remote_mailcfg.model.certificate import find_expiry
from remote_mailcfg.model.desired import DesiredServer, Policy
from remote_mailcfg.model.evidence import MailingEvidence, ServerEvidence, TemplateEvidence
from remote_mailcfg.model.from_filter import matches_from_filter, normalize_address
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.masking import mask_addresses
from remote_mailcfg.model.smtp_test import classify
from remote_mailcfg.model.target import Role, Target
from remote_mailcfg.model.values import check_host
from remote_mailcfg.plan.guards import Scene, find_dangers
from remote_mailcfg.plan.matching import match_servers
from remote_mailcfg.plan.server_plan import Actual, make_plan
from remote_mailcfg.rpc.faults import (
    not_odoo,
    odoo_error,
    parse_version,
    traceback_error,
)
from remote_mailcfg.rpc.http import Answer, CookieJar, HttpClient
from remote_mailcfg.rpc.transport import Access
from remote_mailcfg.rpc.web import WebSession
from remote_mailcfg.secret import Secret, SentSecrets
from tests.audit_evidence import make_evidence
from tests.replay_server import Reply, replay
from tests.replay_server import json_reply as json_answer

LENGTH = 400_000
MOST_SECONDS = 5.0
ACCESS = Access("http://odoo.example", "odoo17", "admin", Secret("s3cret-s3cret"), SentSecrets())


def page(body: str, **headers: str) -> Answer:
    return Answer(200, {"content-type": "text/html"} | headers, body.encode(), SentSecrets())


def within(text: str) -> Callable[[int], str]:
    """Return what repeats a text up to a length."""
    return lambda length: (text * (length // len(text) + 1))[:length]


def raised(run: Callable[[str], object]) -> Callable[[str], object]:
    def run_and_catch(text: str) -> None:
        with pytest.raises(RemoteMailcfgError):
            run(text)

    return run_and_catch


def keep_cookies(text: str) -> None:
    CookieJar().keep([f"session_id={text}", text])


READERS: dict[str, Callable[[str], object]] = {
    "title": lambda text: not_odoo(page(text), "http://odoo.example/x"),
    "title-begun": lambda text: not_odoo(page("<title>" + text), "http://odoo.example/x"),
    "media-type": lambda text: not_odoo(page("", **{"content-type": text}), "http://odoo.example"),
    "retry-after": lambda text: page("", **{"retry-after": text}).retry_after_seconds,
    "fault": lambda text: traceback_error("x: y\n" + text, ACCESS),
    "error": lambda text: odoo_error("odoo.exceptions.UserError", text, ACCESS),
    "version": raised(lambda text: parse_version(text, "http://odoo.example")),
    "session-version": lambda text: major_version({"server_version": text}),
    "cookies": keep_cookies,
    "mask": mask_addresses,
    "certificate": find_expiry,
    "address": normalize_address,
    "filter": lambda text: matches_from_filter(text, "info@example.org"),
    "cause": lambda text: classify(text, smtp_port=25, smtp_encryption="none"),
    "cause-of-a-reply": lambda text: classify(
        "(550, b" + text, smtp_port=25, smtp_encryption="none"
    ),
    "host": check_host,
}
PIECES = (
    " ",
    "a",
    "1",
    "-",
    "@",
    "a@",
    "a@b.",
    ",",
    '"',
    "\\012",
    "(",
    "<",
    "<title>",
    "<title> ",
    "-----BEGIN CERTIFICATE-----",
    'database "',
    "int() argument must be ",
    "An SSL exception occurred",
    "TLS ",
    "Error",
    "a.",
    "1,",
    "1 ",
    ";p",
    "@a,",
)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", PIECES)
def test_a_long_text_is_read_in_one_pass(piece: str) -> None:
    text = within(piece)(LENGTH)
    for name, read in READERS.items():
        started = time.process_time()
        read(text)
        assert time.process_time() - started < MOST_SECONDS, name


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", ['name="csrf_token"', 'name="csrf_token" value=', " ", "<"])
def test_the_page_of_the_second_factor_is_read_in_one_pass(piece: str) -> None:
    script = (
        Reply(200, "text/html"),
        json_answer({"jsonrpc": "2.0", "result": {"uid": None}}),
        Reply(200, "text/html", within(piece)(LENGTH).encode()),
    )
    with replay(*script) as server:
        target = server.target(totp_secret=Secret("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"))
        started = time.process_time()
        with HttpClient(target) as http, pytest.raises(RemoteMailcfgError) as caught:
            WebSession(http, target, CookieJar()).log_in(Secret("x"), target.totp_secret)

    assert caught.value.code == "not-odoo"
    assert time.process_time() - started < MOST_SECONDS


SERVERS = 8_000


def records(**values: object) -> tuple[MailServerRecord, ...]:
    made = (
        MailServerRecord(id=it, name=f"S{it}", smtp_host="smtp.example.org", sequence=10)
        for it in range(1, SERVERS + 1)
    )
    return tuple(replace(it, **values) for it in made)  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ["production", "test"])
@pytest.mark.parametrize("active", [True, False], ids=["active", "archived"])
def test_a_rule_looks_at_each_server_once(role: Role, *, active: bool) -> None:
    filters = (f"a{it}@x{it}.example.org" for it in range(SERVERS))
    servers = tuple(
        ServerEvidence(record=replace(it, from_filter=next(filters)))
        for it in records(active=active, has_password=True)
    )
    evidence = replace(
        make_evidence(),
        role=role,
        servers=servers,
        templates=tuple(TemplateEvidence(id=it, name="T", server_id=it) for it in range(SERVERS)),
        mailings=tuple(MailingEvidence(id=it, server_id=it) for it in range(SERVERS)),
    )
    for rule in RULES:
        started = time.process_time()
        for _problem in rule.look(evidence):
            pass
        assert time.process_time() - started < 1.5, rule.id


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "unmarked"])
def test_a_plan_looks_at_each_server_once(*, marked: bool) -> None:
    servers = records()
    half = servers[: SERVERS // 2]
    desired = [
        DesiredServer(
            key=f"k{it.id}",
            values={"name": it.name, "smtp_host": "other.example.org"},
            references=(),
            folder=Path(),
        )
        for it in half
    ]
    managed = {f"k{it.id}": it.id for it in servers} if marked else {}
    target = Target(name="north", url="https://north.example", role="test")

    started = time.process_time()
    matched = match_servers(desired, servers, managed)
    actual = Actual(servers=servers, managed=managed, matched=matched, secrets={})
    plan = make_plan(target, desired, Policy(unmanaged="archive"), actual)
    scene = Scene(target=target, production_relays=frozenset(), neutralized=False, used_by={})
    find_dangers(plan, scene)

    assert time.process_time() - started < 1.5
    assert sum(it.action in {"update", "adopt"} for it in plan.to_do) == len(half)
