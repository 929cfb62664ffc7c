import pytest

from remote_mailcfg.model.capabilities import parse_capabilities
from tests.recorded import Version, load_fields_get


@pytest.mark.parametrize(
    ("version", "encryptions", "authentications"),
    [
        pytest.param(
            "17.0",
            ("none", "starttls", "ssl"),
            ("login", "certificate", "cli", "gmail"),
            id="17-with-gmail",
        ),
        pytest.param(
            "19.0",
            ("none", "starttls_strict", "starttls", "ssl_strict", "ssl"),
            ("login", "certificate", "cli"),
            id="19",
        ),
    ],
)
def test_the_selections_are_those_of_the_instance(
    version: Version, encryptions: tuple[str, ...], authentications: tuple[str, ...]
) -> None:
    found = parse_capabilities(load_fields_get(version))

    assert found.encryptions == encryptions
    assert found.authentications == authentications


@pytest.mark.parametrize(("version", "has_size"), [("17.0", False), ("19.0", True)])
def test_the_fields_are_those_of_the_instance(version: Version, has_size: bool) -> None:  # noqa: FBT001 - a row's value
    assert ("max_email_size" in parse_capabilities(load_fields_get(version)).fields) is has_size


def test_an_instance_without_a_selection_offers_nothing() -> None:
    found = parse_capabilities({"smtp_encryption": {"type": "char"}})

    assert found.encryptions == ()
    assert found.authentications == ()


def test_email_marketing_is_told_by_its_field() -> None:
    fields = load_fields_get("19.0")

    assert not parse_capabilities(fields).has_mailings
    assert parse_capabilities(fields | {"active_mailing_ids": {"type": "one2many"}}).has_mailings
