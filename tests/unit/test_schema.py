"""`schema`: the forms of the files, as editors read them."""

import json
from typing import Any

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from remote_mailcfg.cli.main import app
from remote_mailcfg.config.audit_file import DnsTable, ProfileTable, WaiverTable
from remote_mailcfg.config.desired_file import MailServerTable, PolicyTable
from remote_mailcfg.config.inventory_file import InstanceTable


def schema_of(word: str) -> Any:
    return json.loads(CliRunner().invoke(app, ["schema", word]).stdout)


@pytest.mark.parametrize(
    ("word", "keys"),
    [
        ("instances", {"defaults", "instances"}),
        ("mail-servers", {"policy", "mail_server"}),
        ("audit", {"waiver", "dns", "profile"}),
    ],
)
def test_a_schema_has_every_table_of_its_file(word: str, keys: set[str]) -> None:
    schema = schema_of(word)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["properties"].keys() == keys
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("word", "table"),
    [
        ("instances", InstanceTable),
        ("mail-servers", PolicyTable),
        ("mail-servers", MailServerTable),
        ("audit", WaiverTable),
        ("audit", DnsTable),
        ("audit", ProfileTable),
    ],
)
def test_a_schema_explains_every_key_of_a_table(word: str, table: type[BaseModel]) -> None:
    schema = schema_of(word)["$defs"][table.__name__]

    assert schema["properties"].keys() == table.model_fields.keys()
    assert schema["additionalProperties"] is False
    assert all(it["description"] for it in schema["properties"].values())


def test_no_field_of_a_mail_server_has_a_default_since_it_stays_as_it_is() -> None:
    table = schema_of("mail-servers")["$defs"]["MailServerTable"]

    assert [key for key, it in table["properties"].items() if "default" in it] == []
    assert table["required"] == ["key", "name"]
