"""`schedule`: units for systemd, lines for cron, a CronJob for Kubernetes."""

import json
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import typer
import yaml
from pytest_mock import MockerFixture
from typer.testing import CliRunner, Result

from remote_mailcfg.cli import schedule
from remote_mailcfg.cli.main import app
from tests.canaries import PASSWORD, leaks

SCHEMA = json.loads((Path(__file__).parent.parent / "schemas" / "kubernetes-1.37.json").read_text())
#: Words that each of the three could take for something of its own.
ODD = ["a b", "50%", "$HOME", "$$x", "$(id)", 'say "hi"', "it's", "back\\slash", "ünï", "#", ";"]
#: Shows, as JSON, the words that it is called with.
ECHO = f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n"


@pytest.fixture(autouse=True)
def program(tmp_path: Path, mocker: MockerFixture) -> Path:
    """Start the program from a place of its own, as `which` finds it, as the user ann."""
    path = tmp_path / "bin dir" / "remote-mailcfg"
    path.parent.mkdir()
    path.write_text(ECHO)
    path.chmod(stat.S_IRWXU)
    mocker.patch.object(sys, "argv", [str(path), "schedule"])
    mocker.patch("getpass.getuser", return_value="ann")
    return path


def run(*words: str, root: typer.Typer = app) -> Result:
    return CliRunner().invoke(root, ["schedule", *words], catch_exceptions=False)


def printed(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def setting(text: str, name: str) -> list[str]:
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{name}=")]


def systemd_words(line: str) -> list[str]:
    """Return the words of a command line as systemd reads them."""
    return [it.replace("%%", "%").replace("$$", "$") for it in shlex.split(line)]


# systemd


def test_a_service_runs_the_audit_as_the_user_in_this_folder(program: Path) -> None:
    text = printed("systemd", "--", "--all", "--fail-on", "warning")

    (command,) = setting(text, "ExecStart")
    assert systemd_words(command) == [str(program), "audit", "--all", "--fail-on", "warning"]
    assert setting(text, "User") == ["ann"]
    assert setting(text, "WorkingDirectory") == [str(Path.cwd())]


def test_a_service_may_write_its_state_and_the_folders_of_its_reports(tmp_path: Path) -> None:
    text = printed(
        "systemd",
        "--",
        "--report=prometheus:/var/lib/node exporter/100%.prom",
        "--report",
        f"html:{tmp_path}/a.html",
        "--report",
        "json:b.json",
        "--report",
        f"sarif:{tmp_path}/a.sarif",
        "--report=json",  # no file, which the audit refuses
    )

    paths = ['"/var/lib/node exporter"', str(tmp_path), str(Path.cwd())]
    assert setting(text, "ReadWritePaths") == paths
    assert setting(text, "ProtectSystem") == ["strict"]
    assert setting(text, "NoNewPrivileges") == ["yes"]
    assert setting(text, "StateDirectory") == ["remote-mailcfg"]
    assert "XDG_STATE_HOME=%S" in setting(text, "Environment")


def test_a_secret_of_a_service_is_a_credential() -> None:
    options = ("--notify", "env:NOTIFY_URL", "--notify=env:NOTIFY_URL")
    text = printed("systemd", "--secret", "OPENSPP_API_KEY", "--", *options)

    assert setting(text, "LoadCredential") == [
        "OPENSPP_API_KEY:/etc/credstore/OPENSPP_API_KEY",
        "NOTIFY_URL:/etc/credstore/NOTIFY_URL",
    ]
    assert setting(text, "Environment")[1:] == [
        "OPENSPP_API_KEY_FILE=%d/OPENSPP_API_KEY",
        "NOTIFY_URL_FILE=%d/NOTIFY_URL",
    ]


@pytest.mark.parametrize("word", ODD)
def test_systemd_reads_every_option_as_it_was_given(word: str, program: Path) -> None:
    (command,) = setting(printed("systemd", "--", "-t", word), "ExecStart")

    assert systemd_words(command) == [str(program), "audit", "-t", word]


@pytest.mark.parametrize(
    ("at", "calendar", "cron"),
    [
        ("06:30", "*-*-* 06:30:00", "30 6 * * *"),
        ("0:05", "*-*-* 00:05:00", "5 0 * * *"),
        ("23:59", "*-*-* 23:59:00", "59 23 * * *"),
        (":15", "*-*-* *:15:00", "15 * * * *"),
    ],
)
def test_the_time_is_of_each_day_or_a_minute_of_each_hour(
    at: str, calendar: str, cron: str
) -> None:
    assert setting(printed("systemd", "--at", at), "OnCalendar") == [calendar]
    assert printed("cron", "--at", at).splitlines()[-1].startswith(f"{cron} cd ")
    assert manifests("--at", at)[0]["spec"]["schedule"] == cron


def test_without_a_time_it_is_in_the_morning() -> None:
    assert setting(printed("systemd"), "OnCalendar") == ["*-*-* 06:00:00"]


# cron


def cron_runs(text: str) -> list[str]:
    """Run the last line of a crontab as cron does, by /bin/sh, and return what it calls."""
    command = text.splitlines()[-1].split(" ", 5)[5].replace("\\%", "%")
    ran = subprocess.run(
        ["/bin/sh", "-c", command], cwd="/", check=True, capture_output=True, text=True
    )
    found: list[str] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize("word", ["--all", *ODD])
def test_cron_calls_the_program_with_every_option_as_it_was_given(word: str) -> None:
    assert cron_runs(printed("cron", "--", "-t", word)) == ["audit", "-t", word]


def test_no_percent_sign_is_left_for_cron() -> None:
    assert "%" not in printed("cron", "--", "-t", "50% 60%").replace("\\%", "")


def test_cron_runs_in_this_folder(monkeypatch: pytest.MonkeyPatch, program: Path) -> None:
    program.write_text(f"#!{sys.executable}\nimport json, os\nprint(json.dumps([os.getcwd()]))\n")
    here = Path.cwd() / "with 10% of it's blanks"
    here.mkdir()
    monkeypatch.chdir(here)

    assert cron_runs(printed("cron")) == [str(here)]


def test_a_secret_of_cron_is_a_file_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/ann/.config")
    lines = printed("cron", "--secret", "OPENSPP_API_KEY").splitlines()

    assert lines[2:4] == [
        "#MAILTO=ann",
        "OPENSPP_API_KEY_FILE=/home/ann/.config/remote-mailcfg/OPENSPP_API_KEY",
    ]


def test_a_command_that_cron_would_not_take_is_refused() -> None:
    result = run("cron", "--", "-t", "x" * 1000)

    assert result.exit_code == 2
    assert "no command of more than 998 characters" in " ".join(result.stderr.split())


def test_the_crontab_of_the_documents_is_what_is_printed(
    monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    document = (Path(__file__).parents[2] / "docs" / "audit-cron.md").read_text()
    typed, _, shown = document.partition("$ remote-mailcfg schedule cron ")[2].partition("\n")
    shown = shown.partition("$ ")[0]
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/ann/.config")
    mocker.patch("shutil.which", return_value="/usr/local/bin/remote-mailcfg")
    mocker.patch("pathlib.Path.cwd", return_value=Path("/srv/mail"))

    assert printed("cron", *shlex.split(typed)) == shown


# Kubernetes


def manifests(*words: str) -> list[Any]:
    text = printed("kubernetes", "--image", "registry.example.org/mailcfg:1", *words)
    return list(yaml.safe_load_all(text))


def container_of(job: Any) -> Any:
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return container


@pytest.mark.parametrize(
    "words",
    [
        pytest.param([], id="nothing"),
        pytest.param(["--secret", "OPENSPP_API_KEY"], id="secret"),
        pytest.param(["--", *(f"--instance={it}" for it in ODD)], id="odd-words"),
    ],
)
def test_what_kubernetes_gets_has_the_form_of_its_api(words: list[str]) -> None:
    job, volume = manifests(*words)

    for document, kind in ((job, "batch.v1.CronJob"), (volume, "core.v1.PersistentVolumeClaim")):
        jsonschema.validate(document, SCHEMA | {"$ref": f"#/$defs/io.k8s.api.{kind}"})


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda job: job["spec"].update(concurency="Forbid"), id="unknown-field"),
        pytest.param(lambda job: job["spec"].pop("jobTemplate"), id="no-job"),
        pytest.param(lambda job: container_of(job).update(command="audit"), id="no-list"),
    ],
)
def test_the_form_refuses_what_is_wrong(spoil: Callable[[Any], object]) -> None:
    job = manifests()[0]
    spoil(job)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(job, SCHEMA | {"$ref": "#/$defs/io.k8s.api.batch.v1.CronJob"})


def test_a_job_runs_the_audit_once_and_may_write_nothing_but_its_volumes() -> None:
    job, volume = manifests("--", "--all")
    container, spec = container_of(job), job["spec"]["jobTemplate"]["spec"]["template"]["spec"]

    assert container["command"] == ["remote-mailcfg", "audit", "--all"]
    assert container["image"] == "registry.example.org/mailcfg:1"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert spec["restartPolicy"] == "Never"
    claims = [
        it["persistentVolumeClaim"]["claimName"]
        for it in spec["volumes"]
        if len(it) > 1 and "persistentVolumeClaim" in it
    ]
    assert claims == [volume["metadata"]["name"]]
    assert {it["name"] for it in container["volumeMounts"]} == {
        it["name"] for it in spec["volumes"]
    }
    assert "secrets" not in {it["name"] for it in spec["volumes"]}


def test_a_secret_of_a_job_is_a_file_of_a_secret() -> None:
    job = manifests("--secret", "OPENSPP_API_KEY")[0]
    container, spec = container_of(job), job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (mount,) = [it for it in container["volumeMounts"] if it["name"] == "secrets"]
    (source,) = [it["secret"] for it in spec["volumes"] if it["name"] == "secrets"]

    assert {it["name"]: it["value"] for it in container["env"]} == {
        "XDG_STATE_HOME": "/var/lib/remote-mailcfg",
        "OPENSPP_API_KEY_FILE": f"{mount['mountPath']}/OPENSPP_API_KEY",
    }
    assert source == {"secretName": "remote-mailcfg", "defaultMode": 0o440}


@pytest.mark.parametrize("word", ODD)
def test_kubernetes_reads_every_option_as_it_was_given(word: str) -> None:
    command = container_of(manifests("--", "-t", word)[0])["command"]

    assert [it.replace("$$", "$") for it in command] == ["remote-mailcfg", "audit", "-t", word]
    assert "$" not in "".join(command).replace("$$", "")  # no variable


# What all have


def test_a_module_that_was_started_is_called_as_one(mocker: MockerFixture, tmp_path: Path) -> None:
    started = tmp_path / "__main__.py"
    shutil.copy(sys.argv[0], started)
    mocker.patch.object(sys, "argv", [str(started)])

    (command,) = setting(printed("systemd"), "ExecStart")
    assert systemd_words(command) == [sys.executable, "-m", "remote_mailcfg", "audit"]


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_a_user_without_a_name_is_a_number(mocker: MockerFixture, error: type[Exception]) -> None:
    mocker.patch("getpass.getuser", side_effect=error)
    mocker.patch("os.getuid", return_value=1234)

    assert setting(printed("systemd"), "User") == ["1234"]


def test_who_names_no_secret_is_told_how() -> None:
    assert "give --secret NAME" in run("cron").stderr
    assert run("cron", "--secret", "A").stderr == ""


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        pytest.param(["--at", "24:00"], "--at is not HH:MM", id="hour"),
        pytest.param(["--at", "6:60"], "--at is not HH:MM", id="minute"),
        pytest.param(["--at", "daily"], "--at is not HH:MM", id="word"),
        pytest.param(["--secret", f"{PASSWORD}="], "--secret is not the name", id="secret"),
        pytest.param(["--", "a\nb"], "a line break or a control character", id="line-break"),
        pytest.param(["--", "a\x1bb"], "a line break or a control character", id="control"),
        pytest.param(
            ["--", "--notify", f"slack://{PASSWORD}"], "--notify is not a reference", id="notify"
        ),
        pytest.param(
            ["--", f"--notify=json://{PASSWORD}@h"], "--notify is not a reference", id="notify-is"
        ),
        pytest.param(["--all"], "No such option", id="before-the-dashes"),
    ],
)
def test_what_cannot_be_scheduled_is_refused(words: list[str], problem: str) -> None:
    result = run("cron", *words)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert problem in " ".join(result.stderr.replace("│", " ").split())
    assert leaks([result.output]) == []


@pytest.mark.parametrize("kind", ["systemd", "cron"])
def test_a_notification_is_scheduled_by_its_reference(kind: str) -> None:
    assert "--notify env:NOTIFY_URL" in printed(kind, "--", "--notify", "env:NOTIFY_URL")


# Options of the audit


@pytest.fixture
def with_audit() -> typer.Typer:
    """A program with an `audit` that has commands of its own."""
    root, audit = typer.Typer(), typer.Typer()

    @audit.callback(invoke_without_command=True)
    def _audit(everything: Annotated[bool, typer.Option("--all")] = False) -> None:  # noqa: FBT002
        raise AssertionError(f"it is parsed and not run ({everything})")

    audit.command("rules")(lambda: None)
    root.add_typer(audit, name="audit")
    root.add_typer(schedule.app, name="schedule")
    return root


def test_options_of_the_audit_are_taken(with_audit: typer.Typer) -> None:
    result = run("cron", "--", "--all", root=with_audit)

    assert result.exit_code == 0
    assert cron_runs(result.stdout) == ["audit", "--all"]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        pytest.param(["--alll"], "No such option: --alll", id="unknown"),
        pytest.param(["rules"], "1 word(s) after -- that are no options", id="a-command"),
        pytest.param(["--all", "x"], "1 word(s) after -- that are no options", id="a-word"),
    ],
)
def test_what_is_no_option_of_the_audit_is_refused(
    with_audit: typer.Typer, words: list[str], problem: str
) -> None:
    result = run("cron", "--", *words, root=with_audit)

    assert result.exit_code == 2
    assert problem in " ".join(result.stderr.replace("│", " ").split())
