import pytest

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.selection import find_server

SERVERS = (
    MailServerRecord(id=1, name="Main"),
    MailServerRecord(id=2, name="Old", active=False),
    MailServerRecord(id=3, name="Twin"),
    MailServerRecord(id=12, name="Twin", active=False),
    MailServerRecord(id=13, name="1"),
    MailServerRecord(id=14, name="99"),
)


@pytest.mark.parametrize(
    ("named", "found"),
    [
        pytest.param("12", 12, id="an-id"),
        pytest.param("Main", 1, id="a-name"),
        pytest.param("Old", 2, id="the-name-of-an-archived-one"),
        pytest.param("1", 1, id="an-id-comes-before-a-name"),
        pytest.param("99", 14, id="a-name-of-digits"),
    ],
)
def test_a_server_is_found_by_id_else_by_name(named: str, found: int) -> None:
    assert find_server(SERVERS, named).id == found


@pytest.mark.parametrize("named", ["7", "main", "", "²"])
def test_what_no_server_is_called_is_not_found(named: str) -> None:
    with pytest.raises(RemoteMailcfgError) as caught:
        find_server(SERVERS, named)

    assert caught.value.code == "not-found"
    assert caught.value.message == f"there is no mail server with the id or name {named!r}"


def test_a_name_of_two_servers_is_refused_with_both_ids() -> None:
    with pytest.raises(RemoteMailcfgError) as caught:
        find_server(SERVERS, "Twin")

    assert caught.value.code == "ambiguous"
    assert caught.value.message == "2 mail servers are named 'Twin': ids 3, 12"
