import time

import pytest

from remote_mailcfg.model import from_filter


@pytest.mark.parametrize(
    ("text", "address"),
    [
        pytest.param("a@example.org", "a@example.org", id="bare"),
        pytest.param("A@Example.ORG", "a@example.org", id="capitals"),
        pytest.param('"Name, Of" <A@example.org>', "a@example.org", id="quoted-display-name"),
        pytest.param("Name <a@example.org>", "a@example.org", id="display-name"),
        pytest.param("Name a@example.org", "a@example.org", id="display-name-without-brackets"),
        pytest.param(" a@example.org ", "a@example.org", id="blanks-around"),
        pytest.param("Ä@example.org", "Ä@example.org", id="local-part-outside-ascii-kept"),
        pytest.param("a@EXÄMPLE.org", "a@exämple.org", id="domain-outside-ascii-lowered"),
        pytest.param("@b@example.org", "b@example.org", id="address-after-a-stray-at"),
        pytest.param("@example.org", "@example.org", id="domain-with-at-stays-no-address"),
        pytest.param("a@example.org, b@example.org", "", id="two-addresses"),
        pytest.param("OdooBot", "", id="no-address"),
        pytest.param("", "", id="empty"),
    ],
)
def test_an_address_is_normalized_as_odoo_does(text: str, address: str) -> None:
    assert from_filter.normalize_address(text) == address


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        pytest.param('"Name" <a@Example.org>', "example.org", id="display-name"),
        pytest.param("example.org", "", id="no-address"),
    ],
)
def test_the_domain_of_an_address_is_what_follows_the_at(text: str, domain: str) -> None:
    assert from_filter.domain_of(text) == domain


def test_the_parts_of_a_filter_are_stripped_and_none_is_empty() -> None:
    assert from_filter.split_from_filter(" a@x.org ,, x.org,") == ("a@x.org", "x.org")


@pytest.mark.parametrize(
    ("text", "address", "part"),
    [
        pytest.param("x.org, A@X.org", "a@x.org", "A@X.org", id="capitals"),
        pytest.param('"N" <a@x.org>', "a@x.org", '"N" <a@x.org>', id="display-name-in-the-filter"),
        pytest.param("a@x.org", '"N" <A@x.org>', "a@x.org", id="display-name-of-the-sender"),
        pytest.param("x.org", "a@x.org", "", id="a-domain-is-no-address"),
        pytest.param("x.org", "OdooBot", "", id="a-sender-without-address-matches-nothing"),
    ],
)
def test_a_part_matches_as_an_address(text: str, address: str, part: str) -> None:
    assert from_filter.find_address_part(text, address) == part


@pytest.mark.parametrize(
    ("text", "address", "part"),
    [
        pytest.param("a@y.org,X.org", "a@x.ORG", "X.org", id="capitals"),
        pytest.param("x.org", "a@mail.x.org", "", id="not-a-subdomain"),
        pytest.param("@x.org", "a@x.org", "", id="not-with-an-at"),
        pytest.param("x.org", "OdooBot", "", id="a-sender-without-address-matches-nothing"),
    ],
)
def test_a_part_matches_as_a_domain(text: str, address: str, part: str) -> None:
    assert from_filter.find_domain_part(text, address) == part


@pytest.mark.parametrize(
    ("text", "address", "matches"),
    [
        pytest.param("", "OdooBot", True, id="no-filter-lets-everybody-pass"),
        pytest.param("a@x.org", "a@x.org", True, id="address"),
        pytest.param("x.org", "a@x.org", True, id="domain"),
        pytest.param("x.org,b@y.org", "a@y.org", False, id="neither"),
        pytest.param(" , ", "a@y.org", False, id="only-empty-parts"),
    ],
)
def test_a_filter_lets_a_sender_pass(text: str, address: str, matches: bool) -> None:  # noqa: FBT001
    assert from_filter.matches_from_filter(text, address) is matches


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("example.org", id="domain"),
        pytest.param("notify@example.org, example.com", id="address-and-domain"),
    ],
)
def test_a_right_filter_has_no_problem(text: str) -> None:
    assert from_filter.check_from_filter(text) == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("@x.org", "'@x.org' is not a domain: write 'x.org' without", id="at-domain"),
        pytest.param("@", "'@' is not a domain: write 'example.org'", id="at-alone"),
        pytest.param("me@", "'me@' has no domain: write the whole address, like", id="no-domain"),
        pytest.param('"N" <a@x.org>', "contains a display name", id="display-name"),
        pytest.param("x.org;y.org", "'x.org;y.org' contains a semicolon", id="semicolon"),
        pytest.param("x.org y.org", "'x.org y.org' contains a space", id="space"),
        pytest.param("x.org,", "is empty: leave out the extra comma", id="trailing-comma"),
        pytest.param(" ", "is empty", id="only-blanks"),
        pytest.param("a@b@x.org", "'a@b@x.org' contains two @", id="two-at"),
        pytest.param("*.x.org", "contains a *: Odoo knows no wildcards", id="wildcard"),
    ],
)
def test_a_wrong_part_is_named_with_the_remedy(text: str, problem: str) -> None:
    (found,) = from_filter.check_from_filter(text)

    assert problem in found


def test_every_wrong_part_is_told() -> None:
    assert len(from_filter.check_from_filter("@x.org,y.org,a;b")) == 2


def test_a_filter_of_many_addresses_is_read_in_a_moment() -> None:
    text = ",".join(f"a{number}@example.org" for number in range(100_000))

    started = time.process_time()

    assert from_filter.find_address_part(text, "A99999@Example.org") == "a99999@example.org"
    assert time.process_time() - started < 2
