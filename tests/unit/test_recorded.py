import json

import pytest

from tests.recorded import VERSIONS, Version, exchange, load, load_fields_get


@pytest.mark.parametrize("version", VERSIONS)
def test_every_exchange_has_a_request_and_a_status(version: Version) -> None:
    assert load(version)
    assert all(it.request.path.startswith("/") and it.response.status for it in load(version))


def test_an_exchange_is_found_by_name() -> None:
    found = exchange("19.0", "d-plain-ok-json2")

    assert found.request.method == "POST"
    assert found.request.path == "/json/2/ir.mail_server/test_smtp_connection"
    assert found.request.body == {"ids": [27]}
    assert found.response.status == 200
    assert json.loads(found.response.content) == found.response.body


def test_exchanges_that_share_a_name_are_told_apart_by_index() -> None:
    paths = [exchange("17.0", "2db-get", index).request.path for index in range(2)]

    assert paths == ["/web?debug=1", "/web/login"]


def test_a_name_that_does_not_occur_is_an_error() -> None:
    with pytest.raises(IndexError):
        exchange("17.0", "nothing of the kind")


@pytest.mark.parametrize(
    ("version", "name", "start"),
    [
        pytest.param("17.0", "xml-version", b"<?xml version='1.0'?>", id="xml"),
        pytest.param("19.0", "d2-json2-action_archive", b"null", id="json-null"),
        pytest.param("17.0", "2db-get", b"<!doctype html>", id="html"),
    ],
)
def test_a_body_is_given_back_as_bytes(version: Version, name: str, start: bytes) -> None:
    assert exchange(version, name).response.content.startswith(start)


def test_a_request_without_body_has_no_content() -> None:
    assert exchange("17.0", "2db-get").request.content == b""


@pytest.mark.parametrize("version", VERSIONS)
def test_fields_get_knows_the_fields_of_a_mail_server(version: Version) -> None:
    assert {"smtp_encryption", "from_filter", "sequence"} <= load_fields_get(version).keys()
