import time
import tomllib

import pytest
import tomlkit

from remote_mailcfg.model.masking import escape_unseen, mask_addresses, neutralize, shorten


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        pytest.param("no address", "no address", id="none"),
        pytest.param("550 <ann@example.net>: unknown", "550 <address>: unknown", id="in-brackets"),
        pytest.param("to ann@example.net.", "to <address>.", id="at-the-end-of-a-sentence"),
        pytest.param("{'ann@example.net': (550, b'no')}", "{'<address>': (550, b'no')}", id="repr"),
        pytest.param("<ann@example.net", "<address>", id="half-in-brackets"),
        pytest.param("<ann@example.net/x>", "<address>/x>", id="and-more-in-brackets"),
        pytest.param("a@b@example.net", "<address>", id="two-ats"),
        pytest.param("@example.net a@ @", "@example.net a@ @", id="none-of-them-one"),
        pytest.param("from Info@Example.org", "from Info@Example.org", id="kept-in-any-case"),
        pytest.param("to noreply@odoo.com", "to noreply@odoo.com", id="odoos-probe"),
    ],
)
def test_addresses_other_than_those_to_keep_are_masked(text: str, masked: str) -> None:
    assert mask_addresses(text, keep=["info@example.org"]) == masked


# Disarmed


@pytest.mark.parametrize(
    "character",
    [
        pytest.param(it, id=f"U+{ord(it):04X}")
        for it in "\x00\x07\x08\x0b\x0c\r\x1b\x1c\x7f\x80\x85\x9b\xad\u061c\u200b\u200c\u200d\u200e"
        "\u200f\u2028\u2029\u202a\u202e\u2060\u2066\u2069\ufeff\ufe0f\ufff9\ud800\U000e0041"
    ],
)
def test_what_a_reader_does_not_see_is_made_visible(character: str) -> None:
    assert neutralize(f"a{character}b") == "a\ufffdb"


@pytest.mark.parametrize(
    "text",
    [
        "a\nb\tc",
        "ශ්‍රී ලංකා",
        "می‌خواهم",
        "fe80::abcd:1",
        "::1",
        "a::b",
        "C# [x]",
        "1 error: no",
        "Next: x",
    ],
)
def test_a_text_without_any_of_that_stays_as_it_is(text: str) -> None:
    assert neutralize(text) == text


@pytest.mark.parametrize("label", ["next:", "error:", " \t next :", "- error:", "'next:"])
def test_no_line_looks_like_one_of_ours(label: str) -> None:
    changed = label.replace(":", ";")

    assert neutralize(f"{label} a\n{label} b") == f"{changed} a\n{changed} b"
    assert neutralize(f"{label} a\n{label} b", begins_line=False) == f"{label} a\n{changed} b"


@pytest.mark.parametrize(
    ("command", "left"),
    [
        ("::error::x", " :error;:x"),
        ("a ::warning file=x::y", "a  :warning file=x::y"),
        ("::add-mask::x", " :add-mask::x"),
        ("x##vso[task.complete]", "x# vso[task.complete]"),
        ("##[error]x", "# [error]x"),
        ("##teamcity[x]", "# teamcity[x]"),
    ],
)
def test_a_runner_takes_no_text_for_a_command(command: str, left: str) -> None:
    assert neutralize(command) == left
    assert len(neutralize(command)) == len(command)


def test_neutralizing_twice_changes_nothing_more() -> None:
    text = "next: \x85##vso[a]\n::error::b\nerror : c"

    assert neutralize(neutralize(text)) == neutralize(text)


def test_a_document_keeps_its_values_when_they_are_escaped() -> None:
    value = "a\x85\u202eb\u2028##vso[c] ::error::\U000e0041 \u0dca\u200d\u0dbb \ufeff"
    document = tomlkit.dumps({"name": value, "names": [value]})

    escaped = escape_unseen(document)

    assert tomllib.loads(escaped) == {"name": value, "names": [value]}
    assert neutralize(escaped) == escaped


# Cut


def test_a_long_text_is_cut_and_says_so() -> None:
    assert shorten("x" * 1000) == "x" * 1000
    assert shorten("x" * 1001) == "x" * 1000 + "… (cut: 1001 characters, whole with -o json)"


@pytest.mark.parametrize("unit", ["\n", " ", "#", "##", ":", "next", "\u200d", "'", "##a", "\x85"])
def test_disarming_a_text_of_a_megabyte_takes_a_moment(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))

    started = time.process_time()
    neutralize(text)

    assert time.process_time() - started < 3
