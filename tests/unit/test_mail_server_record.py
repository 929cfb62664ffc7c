import pytest

from remote_mailcfg.apply.run import Run, new_run_name
from remote_mailcfg.model.capabilities import parse_capabilities
from remote_mailcfg.model.mail_server import BACKUP_PREFIX, CANDIDATE_PREFIX, MailServerRecord
from remote_mailcfg.store.journal import Journal
from tests.fake_transport import FakeTransport, RecordedProgress, make_instance


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        pytest.param("Main", None, id="a-users"),
        pytest.param("remote-mailcfg", None, id="the-tools-name-alone"),
        pytest.param(f"Old {BACKUP_PREFIX}", None, id="the-words-further-on"),
        pytest.param(f"{CANDIDATE_PREFIX}R: Main", "candidate", id="candidate"),
        pytest.param(f"{BACKUP_PREFIX}R: Main", "backup", id="backup"),
    ],
)
def test_what_the_tool_made_for_itself_is_told_by_its_name(name: str, ours: str | None) -> None:
    assert MailServerRecord(id=1, name=name).ours == ours


def test_what_a_run_makes_is_named_for_the_run_and_the_server() -> None:
    instance, name = make_instance(FakeTransport(lambda _call: [])), new_run_name()
    run = Run(
        instance=instance,
        capabilities=parse_capabilities({}),
        progress=RecordedProgress(),
        name=name,
        test=True,
        keeps_backups=True,
        journal=Journal(instance.target, name),
    )

    assert run.candidate_name("Main") == f"remote-mailcfg candidate {run.name}: Main"
    assert run.backup_name("Main") == f"remote-mailcfg backup {run.name}: Main"


def test_no_two_runs_have_the_same_name() -> None:
    assert len({new_run_name() for _ in range(50)}) == 50
