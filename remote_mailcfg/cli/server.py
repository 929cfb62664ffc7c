"""`remote-mailcfg server …`: the outgoing mail servers of an instance."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import typer

from remote_mailcfg.apply.run import new_run_name
from remote_mailcfg.cli.command import instance_command
from remote_mailcfg.cli.fields import FIELD_OPTIONS, values_to_create, values_to_update
from remote_mailcfg.cli.two_steps import (
    ChangeNamed,
    ChangeOnEach,
    MaxChangedOption,
    TwoSteps,
    YesOption,
    parse_max_changed,
    refuse_unattended,
)
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.fleet.worker import Operation
from remote_mailcfg.operations.change_server import ChangedServer, Decide
from remote_mailcfg.operations.create_server import create_server
from remote_mailcfg.operations.list_servers import ServerList, list_servers
from remote_mailcfg.operations.prove_servers import ServerTests, prove_servers
from remote_mailcfg.operations.retire_server import (
    archive_server,
    decide_archive,
    decide_delete,
    delete_server,
    unarchive_server,
)
from remote_mailcfg.operations.send_mail import SentMail, send_through
from remote_mailcfg.operations.show_server import show_server
from remote_mailcfg.operations.update_server import decide_update, update_server
from remote_mailcfg.report.mail import SENT_MAIL
from remote_mailcfg.report.servers import SERVER, SERVER_LIST
from remote_mailcfg.report.tests import SERVER_TESTS

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Outgoing mail servers: list, prove, change, test, send.",
)

ServerArgument = Annotated[str, typer.Argument(metavar="SERVER", help="Its id or its name.")]
TestOption = Annotated[
    bool,
    typer.Option(
        "--test/--no-test", help="Prove the connection on the instance before the switch."
    ),
]


@instance_command(app, "server list", SERVER_LIST, example="remote-mailcfg server list -o json")
def list_(_environment: Environment) -> Operation[ServerList]:
    """List all mail servers of the instance, archived ones too, in the order Odoo uses them."""
    return list_servers


@instance_command(app, "server show", SERVER, example="remote-mailcfg server show 3")
def show(_environment: Environment, server: ServerArgument) -> Operation[ChangedServer]:
    """Show one mail server with the labels of Odoo's form. Its password is only ever set or not."""
    return partial(show_server, named=server)


@instance_command(
    app,
    "server create",
    SERVER,
    options=FIELD_OPTIONS,
    keeps_here=True,
    example="remote-mailcfg server create --name Main --smtp-host smtp.example.org"
    " --smtp-encryption starttls --smtp-user mailer@example.org",
)
def create(
    environment: Environment,
    given: Mapping[str, Any],
    test: TestOption = True,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Make a second server of the name; make one on a neutralized database."
        ),
    ] = False,
) -> Operation[ChangedServer]:
    """Create a mail server: archived first, tested by the instance, active only when that passed.

    What no option gives comes from SMTP_* variables; what is still missing is asked for on a
    terminal, the password without showing it (elsewhere: SMTP_PASS or SMTP_PASS_FILE).
    """
    values = values_to_create(given, environment)
    return partial(create_server, values=values, test=test, force=force, run=new_run_name())


@instance_command(
    app,
    "server update",
    SERVER,
    options=FIELD_OPTIONS,
    keeps_here=True,
    example="remote-mailcfg server update Main --smtp-host smtp2.example.org",
)
def update(
    environment: Environment,
    server: ServerArgument,
    given: Mapping[str, Any],
    test: TestOption = True,
    yes: YesOption = False,
    max_changed: MaxChangedOption = "",
) -> TwoSteps[ChangedServer]:
    """Change the values that options name, once an archived copy with them passed the test.

    Name, priority, debugging and size are written without a test, so that the priority of a dead
    relay can be changed. A password comes from SMTP_PASS or SMTP_PASS_FILE of the real environment,
    or is asked for with --smtp-pass. On several instances it asks once, or wants --yes.
    """
    values = values_to_update(given, environment)
    return _on_each(
        "server update",
        server,
        partial(decide_update, named=server, values=values),
        partial(update_server, values=values, test=test, run=new_run_name()),
        yes=yes,
        max_changed=max_changed,
    )


@instance_command(
    app, "server archive", SERVER, keeps_here=True, example="remote-mailcfg server archive Old"
)
def archive(
    _environment: Environment,
    server: ServerArgument,
    force: Annotated[
        bool, typer.Option("--force", help="Archive one that is in use, or the last active one.")
    ] = False,
    yes: YesOption = False,
    max_changed: MaxChangedOption = "",
) -> TwoSteps[ChangedServer]:
    """Archive a mail server: Odoo never chooses it again, and its settings stay.

    On several instances it asks once, or wants --yes.
    """
    return _on_each(
        "server archive",
        server,
        partial(decide_archive, named=server, force=force),
        partial(archive_server, force=force, run=new_run_name()),
        yes=yes,
        max_changed=max_changed,
    )


@instance_command(
    app, "server unarchive", SERVER, keeps_here=True, example="remote-mailcfg server unarchive Old"
)
def unarchive(
    _environment: Environment,
    server: ServerArgument,
    test: TestOption = True,
    force: Annotated[
        bool, typer.Option("--force", help="Do it on a neutralized database.")
    ] = False,
) -> Operation[ChangedServer]:
    """Make an archived mail server active again, once it passed the instance's test."""
    return partial(unarchive_server, named=server, test=test, force=force, run=new_run_name())


@instance_command(
    app, "server delete", SERVER, keeps_here=True, example="remote-mailcfg server delete 3 --yes"
)
def delete(
    _environment: Environment,
    server: ServerArgument,
    yes: YesOption = False,
    force: Annotated[
        bool, typer.Option("--force", help="Delete one that is in use, or the last active one.")
    ] = False,
    max_changed: MaxChangedOption = "",
) -> TwoSteps[ChangedServer]:
    """Delete a mail server for good. Archiving keeps its settings and is enough in most cases.

    It asks, on several instances once.
    """
    refuse_unattended("server delete", yes=yes)
    return _on_each(
        "server delete",
        server,
        partial(decide_delete, named=server, force=force),
        partial(delete_server, force=force, run=new_run_name()),
        yes=yes,
        max_changed=max_changed,
    )


def _on_each(
    words: str, named: str, decide: Decide, change: ChangeNamed, *, yes: bool, max_changed: str
) -> TwoSteps[ChangedServer]:
    each = ChangeOnEach(
        words=words,
        named=named,
        decide=decide,
        change=change,
        yes=yes,
        max_changed=parse_max_changed(max_changed),
    )
    return TwoSteps(prepare=each.prepare, holds_inventory=False)


@instance_command(app, "server test", SERVER_TESTS, example="remote-mailcfg server test Main")
def prove(
    _environment: Environment,
    server: Annotated[
        str | None, typer.Argument(metavar="[SERVER]", help="Its id or name; all active without.")
    ] = None,
) -> Operation[ServerTests]:
    """Let the instance test mail servers: connect, log in, and speak until the mail would go.

    The test runs on the server, from its network, one server after the other. It sends nothing;
    `server send` does.
    """
    return partial(prove_servers, named=server)


@instance_command(
    app, "server send", SENT_MAIL, example="remote-mailcfg server send Main --to me@example.org"
)
def send(
    _environment: Environment,
    server: ServerArgument,
    to: Annotated[str, typer.Option(help="Who gets the mail.")],
) -> Operation[SentMail]:
    """Send a real mail through a server, wait for its state, and remove its record.

    A passed test is necessary, not sufficient: some relays refuse only the real mail. The mail says
    who sent it and why.
    """
    return partial(send_through, named=server, recipient=to)
