"""Files that others can change are not trusted with secrets; to play others, tests need root."""

import grp
import os
import pwd
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_mock import MockerFixture
from typer.testing import CliRunner, Result

from remote_mailcfg.cli.main import app
from remote_mailcfg.config.desired import load_desired
from remote_mailcfg.config.environment import Environment, load_environment
from remote_mailcfg.config.inventory import load_inventory
from remote_mailcfg.config.secrets import Secrets
from remote_mailcfg.config.single_instance import parse_entry
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.store.plan_file import load_plans, save_plans

USER, OTHER = 60001, 60002
COMMAND = "command:sh -c 'touch ran 2>/dev/null; echo word'"
DESIRED = f"""
[[mail_server]]
key = "main"
name = "Main"
smtp_host = "smtp.example.org"
smtp_user = "mailer"
smtp_pass = "{COMMAND}"
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can play other users")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder that every user can enter, in one with the sticky bit."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        path = Path(name) / "site"
        path.mkdir()
        path.parent.chmod(0o755)
        yield path


@contextmanager
def user(user_id: int, group_id: int | None = None) -> Iterator[None]:
    """Be a normal user for a while."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(user_id if group_id is None else group_id)
    os.seteuid(user_id)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def no_secrets() -> Secrets:
    return Secrets(Environment({}, {}), ask=None)


# What holds secrets and commands, and how it is used


def use_inventory(path: Path) -> None:
    (entry,) = load_inventory(path).entries
    entry.resolve(no_secrets())


def use_dotenv(path: Path) -> None:
    environment = load_environment(path)
    parse_entry(environment).resolve(Secrets(environment, ask=None))


def use_variable(path: Path) -> None:
    values = {"OPENSPP_URL": "https://a.example", "OPENSPP_LOGIN": "ann"}
    environment = Environment(values | {"OPENSPP_PASSWORD_FILE": str(path)}, {})
    parse_entry(environment)


def use_reference(path: Path) -> None:
    no_secrets().resolve(f"file:{path}", folder=path.parent, what="password")


def use_desired(path: Path) -> None:
    load_desired(path)


def use_plan(path: Path) -> None:
    load_plans(path)


Use = Callable[[Path], None]
CONTENT: dict[Use, str] = {
    use_inventory: '[instances.a]\nurl = "https://a.example"\nlogin = "ann"\n'
    f'password = "{COMMAND}"\n',
    use_dotenv: "OPENSPP_URL=https://a.example\nOPENSPP_LOGIN=ann\nOPENSPP_PASSWORD=secret\n",
    use_variable: "secret\n",
    use_reference: "secret\n",
    use_desired: DESIRED,
    use_plan: "",
}


@pytest.fixture(params=CONTENT, ids=lambda it: it.__name__)
def use(request: pytest.FixtureRequest) -> Use:
    """Use each kind of file that holds secrets, references to them, or commands."""
    given: Use = request.param
    return given


def make(folder: Path, use: Use) -> Path:
    """Write a file of the kind, private."""
    path = folder / "file"
    path.write_text(CONTENT[use])
    if use is use_plan:
        desired = folder / "desired"
        desired.write_text(DESIRED)
        path.unlink()
        save_plans(path, load_desired(desired), {}, clear_credentials=False)
    path.chmod(0o600)
    return path


def refusal(use: Use, path: Path) -> str:
    """Return why a file is refused; no command of it has run."""
    with pytest.raises(ConfigurationError) as caught:
        use(path)
    assert not (path.parent / "ran").exists()
    assert caught.value.is_usage
    told = f"{caught.value.message} {caught.value.hint}"
    assert "REMOTE_MAILCFG_TRUST_FILES=1" in told
    assert "secret" not in told
    return told


# Refused


@as_root
def test_a_file_of_another_user_is_refused(use: Use, folder: Path) -> None:
    path = make(folder, use)
    os.chown(path, OTHER, OTHER)

    assert f"{path} belongs to another user (uid {OTHER})" in refusal(use, path)


@as_root
@pytest.mark.parametrize("kind", [it for it in CONTENT if it is not use_reference])
def test_a_file_of_another_user_is_refused_to_a_normal_user(kind: Use, folder: Path) -> None:
    path = make(folder, kind)
    os.chown(path, OTHER, OTHER)
    path.chmod(0o604)

    with user(USER):
        assert f"belongs to another user (uid {OTHER})" in refusal(kind, path)


def test_a_file_that_everybody_can_write_is_refused(use: Use, folder: Path) -> None:
    path = make(folder, use)
    path.chmod(0o602)

    told = refusal(use, path)

    assert f"{path} can be changed by others (mode 0602)" in told
    assert f"chmod go-w {path}" in told


@as_root
def test_a_file_that_a_group_can_write_is_refused(use: Use, folder: Path) -> None:
    path = make(folder, use)
    os.chown(path, 0, OTHER)
    path.chmod(0o620)

    assert f"{path} can be changed by others (mode 0620)" in refusal(use, path)


@as_root
def test_a_folder_of_another_user_is_refused(use: Use, folder: Path) -> None:
    path = make(folder, use)
    os.chown(folder, OTHER, OTHER)

    assert f"the folder {folder} belongs to another user" in refusal(use, path)


@pytest.mark.parametrize("level", [0, 1], ids=["folder", "above"])
def test_a_folder_that_everybody_can_write_is_refused(use: Use, level: int, folder: Path) -> None:
    path = make(folder, use)
    wrong = path.parents[level]
    wrong.chmod(0o777)

    assert f"the folder {wrong} can be changed by others (mode 0777)" in refusal(use, path)


@as_root
def test_a_folder_that_a_group_can_write_is_refused(use: Use, folder: Path) -> None:
    path = make(folder, use)
    os.chown(folder, 0, OTHER)
    folder.chmod(0o770)

    assert f"the folder {folder} can be changed by others (mode 0770)" in refusal(use, path)


@as_root
def test_a_link_of_another_user_is_refused(use: Use, folder: Path) -> None:
    path = make(folder, use)
    link = folder / "link"
    link.symlink_to(path)
    os.lchown(link, OTHER, OTHER)

    assert f"{link} belongs to another user" in refusal(use, link)


def test_a_link_out_of_a_folder_that_others_can_write_is_refused(use: Use, folder: Path) -> None:
    path = make(folder, use)
    open_folder = folder / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    (open_folder / "link").symlink_to(path)

    assert f"the folder {open_folder}" in refusal(use, open_folder / "link")


def test_a_link_into_a_folder_that_others_can_write_is_refused(use: Use, folder: Path) -> None:
    inside = folder / "inside"
    inside.mkdir()
    path = make(inside, use)
    inside.chmod(0o777)
    (folder / "link").symlink_to("inside/../inside/file")

    assert f"the folder {inside}" in refusal(use, folder / "link")
    assert path.exists()


def test_a_folder_named_with_dots_is_looked_at(use: Use, folder: Path) -> None:
    path = make(folder, use)
    open_folder = folder / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)

    told = refusal(use, folder / "open" / ".." / path.name)

    assert f"the folder {open_folder}" in told


# Trusted


def test_a_private_file_is_trusted(use: Use, folder: Path) -> None:
    use(make(folder, use))


@as_root
def test_a_file_of_root_is_trusted_by_a_normal_user(use: Use, folder: Path) -> None:
    path = make(folder, use)
    path.chmod(0o640)
    os.chown(path, 0, USER)
    if use is use_reference:
        path.chmod(0o600)
        os.chown(path, USER, USER)

    with user(USER):
        use(path)


@as_root
def test_a_file_in_the_users_own_group_is_trusted(use: Use, folder: Path) -> None:
    path = make(folder, use)
    os.chown(path, USER, USER)
    path.chmod(0o620)
    os.chown(folder, USER, USER)
    folder.chmod(0o770)

    with user(USER):
        use(path)


NAMED = pwd.getpwnam("daemon")  # a user with a group of the same name, on every Linux


@as_root
def test_the_group_of_the_users_name_is_the_users_own(use: Use, folder: Path) -> None:
    path = make(folder, use)
    os.chown(path, NAMED.pw_uid, NAMED.pw_gid)
    path.chmod(0o620)
    os.chown(folder, 0, NAMED.pw_gid)
    folder.chmod(0o770)

    with user(NAMED.pw_uid, NAMED.pw_gid):
        use(path)


@as_root
def test_another_group_of_the_user_is_refused(use: Use, folder: Path) -> None:
    path = make(folder, use)
    os.chown(path, NAMED.pw_uid, grp.getgrnam("mail").gr_gid)
    path.chmod(0o620)

    with user(NAMED.pw_uid, grp.getgrnam("mail").gr_gid):
        assert f"{path} can be changed by others (mode 0620)" in refusal(use, path)


@as_root
def test_the_users_group_with_somebody_else_in_it_is_refused(
    use: Use, folder: Path, mocker: MockerFixture
) -> None:
    group = grp.struct_group((NAMED.pw_name, "x", NAMED.pw_gid, ["games"]))
    mocker.patch("grp.getgrgid", return_value=group)
    path = make(folder, use)
    os.chown(path, NAMED.pw_uid, NAMED.pw_gid)
    path.chmod(0o620)

    with user(NAMED.pw_uid, NAMED.pw_gid):
        assert f"{path} can be changed by others (mode 0620)" in refusal(use, path)


def test_a_folder_with_the_sticky_bit_is_trusted(use: Use, folder: Path) -> None:
    path = make(folder, use)
    folder.chmod(0o1777)

    use(path)


@as_root
def test_all_files_are_trusted_where_the_variable_says_so(
    use: Use, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMOTE_MAILCFG_TRUST_FILES", "1")
    path = make(folder, use)
    os.chown(path, OTHER, OTHER)
    os.chown(folder, OTHER, OTHER)
    folder.chmod(0o777)

    use(path)


@pytest.mark.parametrize("value", ["", "0", "no"])
def test_another_value_of_the_variable_trusts_none(
    value: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMOTE_MAILCFG_TRUST_FILES", value)
    path = make(folder, use_dotenv)
    path.chmod(0o602)

    refusal(use_dotenv, path)


def test_a_dotenv_file_cannot_say_that_it_is_to_be_trusted(folder: Path) -> None:
    path = make(folder, use_dotenv)
    path.write_text(f"REMOTE_MAILCFG_TRUST_FILES=1\n{CONTENT[use_dotenv]}")
    path.chmod(0o602)

    refusal(use_dotenv, path)


def test_a_home_folder_is_trusted_whatever_is_around_it(
    use: Use, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = folder / "home"
    home.mkdir()
    path = make(home, use)
    folder.chmod(0o777)
    monkeypatch.setenv("HOME", str(home))

    use(path)


def test_a_home_folder_that_others_can_write_is_refused(
    use: Use, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(folder, use)
    folder.chmod(0o777)
    monkeypatch.setenv("HOME", str(folder))

    assert f"the folder {folder}" in refusal(use, path)


def mount_as_kubernetes_does(folder: Path, content: str) -> Path:
    """Return the path of a secret as a pod sees it: behind two links, in a folder for all."""
    dated = folder / "..2026_11_28_08_00_00.123456789"
    dated.mkdir()
    secret = dated / "password"
    secret.write_text(content)
    secret.chmod(0o644)
    (folder / "..data").symlink_to(dated.name)
    (folder / "password").symlink_to("..data/password")
    folder.chmod(0o1777)
    return folder / "password"


@as_root
@pytest.mark.parametrize("kind", [use_variable, use_reference, use_inventory])
@pytest.mark.parametrize("user_id", [0, USER])
def test_a_secret_of_kubernetes_is_trusted(kind: Use, user_id: int, folder: Path) -> None:
    path = mount_as_kubernetes_does(folder, CONTENT[kind])

    with user(user_id):
        kind(path)


@as_root
def test_a_link_named_as_those_of_kubernetes_opens_no_file_of_another_user(folder: Path) -> None:
    path = mount_as_kubernetes_does(folder, "secret")
    os.lchown(folder / "..data", OTHER, OTHER)

    refusal(use_variable, path)


@pytest.mark.parametrize("kind", [use_variable, use_reference])
@pytest.mark.parametrize("owner", [0, OTHER])
@as_root
def test_a_secret_of_docker_is_trusted(
    kind: Use, owner: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remote_mailcfg.config.trust.MOUNTED", (folder,))
    path = make(folder, kind)
    os.chown(path, owner, owner)
    path.chmod(0o444)

    with user(USER):
        kind(path)


def test_where_docker_and_systemd_mount_secrets() -> None:
    from remote_mailcfg.config.trust import MOUNTED  # noqa: PLC0415 - used here alone

    assert {Path("/run/secrets"), Path("/run/credentials")} == {*MOUNTED}


@pytest.mark.parametrize("kind", [use_variable, use_reference, use_dotenv])
def test_a_pipe_of_the_shell_is_trusted(kind: Use) -> None:
    reader, writer = os.pipe()
    os.write(writer, CONTENT[kind].encode())
    os.close(writer)
    try:
        kind(Path(f"/dev/fd/{reader}"))
    finally:
        os.close(reader)


def test_what_is_in_no_reference_needs_no_trust(folder: Path) -> None:
    (folder / "file").write_text("mail_server = []\n")
    folder.chmod(0o777)

    assert load_desired(folder / "file").servers == ()


def test_a_dotenv_file_of_other_things_stops_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    folder.chmod(0o777)
    (folder / ".env").write_text("OPENSPP_IMAGE=openspp:17\n")
    (folder / "instances.toml").write_text(CONTENT[use_inventory].replace("password", "#"))

    assert CliRunner().invoke(app, ["instance", "list"]).exit_code == 0


# Through the command line


def test_a_command_of_an_inventory_that_others_can_change_is_not_run(folder: Path) -> None:
    path = make(folder, use_inventory)
    path.chmod(0o602)

    ran = CliRunner().invoke(app, ["server", "list", "--inventory", str(path)])

    assert ran.exit_code == 2
    assert "can be changed by others" in ran.stderr
    assert not (folder / "ran").exists()


# Warnings


def checked(monkeypatch: pytest.MonkeyPatch, folder: Path, *words: str, **real: str) -> Result:
    """Run `check` in a folder; nothing answers at the address."""
    monkeypatch.chdir(folder)
    for name, value in real.items():
        monkeypatch.setenv(name, value)
    ran = CliRunner().invoke(app, ["check", *words])
    assert "secret" not in ran.output
    return ran


LOCAL = "OPENSPP_URL=http://127.0.0.1:9\nOPENSPP_LOGIN=ann\n"


@pytest.mark.parametrize(
    ("mode", "warnings"),
    [
        (0o644, ["warning: others can read .env: chmod 600 .env"]),
        (0o604, ["warning: others can read .env: chmod 600 .env"]),
        (0o600, []),
        (0o400, []),
    ],
)
def test_a_dotenv_file_that_others_can_read_is_a_warning(
    mode: int, warnings: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text(f"{LOCAL}OPENSPP_PASSWORD=secret\n")
    (folder / ".env").chmod(mode)

    ran = checked(monkeypatch, folder)

    assert [it for it in ran.stderr.splitlines() if it.startswith("warning")] == warnings


@pytest.mark.parametrize(
    ("mode", "warnings"),
    [
        (0o644, ["warning: OPENSPP_PASSWORD_FILE: others can read key: chmod 600 key"]),
        (0o600, []),
    ],
)
def test_a_secret_file_that_others_can_read_is_a_warning(
    mode: int, warnings: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "key").write_text("secret")
    (folder / "key").chmod(mode)
    (folder / ".env").write_text(f"{LOCAL}OPENSPP_PASSWORD_FILE=key\n")
    (folder / ".env").chmod(0o600)

    ran = checked(monkeypatch, folder)

    assert [it for it in ran.stderr.splitlines() if it.startswith("warning")] == warnings


MIXED = [
    pytest.param(
        {"OPENSPP_URL": "http://127.0.0.1:9"},
        {"OPENSPP_PASSWORD": "secret"},
        "OPENSPP_URL comes from .env in this folder, but OPENSPP_PASSWORD from the environment",
        id="credential-of-the-environment",
    ),
    pytest.param(
        {"OPENSPP_API_KEY": "secret"},
        {"OPENSPP_URL": "http://127.0.0.1:9"},
        "OPENSPP_URL comes from the environment, but OPENSPP_API_KEY from .env in this folder",
        id="address-of-the-environment",
    ),
    pytest.param(
        {"OPENSPP_URL": "http://127.0.0.1:9", "OPENSPP_API_KEY": "secret"}, {}, "", id="file"
    ),
    pytest.param(
        {"OPENSPP_DB": "x"},
        {"OPENSPP_URL": "http://127.0.0.1:9", "OPENSPP_API_KEY": "secret"},
        "",
        id="environment",
    ),
]


def mixed(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    written: dict[str, str],
    real: dict[str, str],
    *words: str,
) -> list[str]:
    """Return the warnings of `check` with a .env and variables of the real environment."""
    lines = {"OPENSPP_LOGIN": "ann", **written}
    (folder / ".env").write_text("".join(f"{name}={it}\n" for name, it in lines.items()))
    (folder / ".env").chmod(0o600)
    ran = checked(monkeypatch, folder, *words, **real)
    return [it for it in ran.stderr.splitlines() if it.startswith("warning")]


@pytest.mark.parametrize(("written", "real", "words"), MIXED)
def test_an_address_and_a_credential_of_two_places_are_told(
    written: dict[str, str],
    real: dict[str, str],
    words: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warnings = mixed(monkeypatch, folder, written, real)

    assert len(warnings) == bool(words)
    assert words in "".join(warnings)


@pytest.mark.parametrize(("written", "real", "words"), MIXED)
def test_a_dotenv_file_that_is_named_is_meant(
    written: dict[str, str],
    real: dict[str, str],
    words: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert mixed(monkeypatch, folder, written, real, "--env-file", ".env") == [], words
