"""A desired server: which instances it is for, and what it is on one of them."""

import pickle
from pathlib import Path

import pytest

from remote_mailcfg.model.desired import DesiredServer
from remote_mailcfg.model.target import Target

SERVER = DesiredServer(
    key="main",
    values={
        "name": "Mail of {instance}",
        "smtp_user": "{instance}@{instance}.example.org",
        "smtp_port": 587,
        "smtp_debug": False,
    },
    references=(("smtp_pass", "env:SMTP_PASS_{instance}"),),
    tags=("country",),
    folder=Path("fleet"),
)


@pytest.mark.parametrize(
    ("of_the_server", "of_the_instance", "fits"),
    [
        pytest.param((), (), True, id="no-tags-at-all"),
        pytest.param((), ("a",), True, id="a-server-without-tags"),
        pytest.param(("a",), (), False, id="an-instance-without-tags"),
        pytest.param(("a", "b"), ("c", "b"), True, id="one-in-common"),
        pytest.param(("a",), ("b",), False, id="none-in-common"),
    ],
)
def test_a_server_with_tags_is_for_the_instances_with_one_of_them(
    of_the_server: tuple[str, ...], of_the_instance: tuple[str, ...], *, fits: bool
) -> None:
    server = DesiredServer(key="main", values={}, tags=of_the_server, folder=Path())

    assert server.fits(Target(name="north", url="https://a", tags=of_the_instance)) is fits


def test_the_name_of_an_instance_counts_as_a_tag_of_it() -> None:
    server = DesiredServer(key="main", values={}, tags=("north",), folder=Path())

    assert server.fits(Target(name="north", url="https://north"))
    assert not server.fits(Target(name="south", url="https://south"))


def test_every_text_may_hold_the_name_of_the_instance() -> None:
    assert SERVER.on("ph-1").values == {
        "name": "Mail of ph-1",
        "smtp_user": "ph-1@ph-1.example.org",
        "smtp_port": 587,
        "smtp_debug": False,
    }


@pytest.mark.parametrize(
    ("instance", "variable"),
    [("national", "NATIONAL"), ("ph-1.x", "PH_1_X"), ("host.example:8069", "HOST_EXAMPLE_8069")],
)
def test_a_reference_holds_the_name_as_those_of_an_inventory_do(
    instance: str, variable: str
) -> None:
    assert SERVER.on(instance).references == (("smtp_pass", f"env:SMTP_PASS_{variable}"),)


def test_what_is_no_text_of_the_server_is_the_same_on_every_instance() -> None:
    filled = SERVER.on("ph-1")

    assert (filled.key, filled.tags, filled.folder) == ("main", ("country",), Path("fleet"))


def test_a_desired_server_travels() -> None:
    assert pickle.loads(pickle.dumps(SERVER)) == SERVER
