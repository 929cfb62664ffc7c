import pytest

from remote_mailcfg.model.masking import mask_addresses


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
