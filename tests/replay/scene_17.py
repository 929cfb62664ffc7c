"""What happened to the recorded Odoo 17 between the exchanges."""

from typing import Any

from tests.replay.stage import TOTP_SECRET, Change, Stage

DATABASE = "odoo17"
EMAIL = "admin@example.com"
LOGIN: dict[str, Any] = {"smtp_user": "mailer", "smtp_pass": "s3cret"}
PLAIN, STARTTLS, TLS, PLAIN_AUTH = 2525, 2526, 2527, 2528


def start(stage: Stage) -> None:
    """The server as it was first asked: one database is shown, one administrator."""
    database = stage.database
    database.users.rows[2] |= {"password": "admin", "email": EMAIL}
    del database.users.rows[3], database.users.rows[4]
    database.users.last_id = 5
    database.models["mail.template"].last_id = 5
    for name in ("odoo19", "odoo19b", "odoo19t"):
        stage.add_database(name)


def add_tested_servers(stage: Stage) -> None:
    """Every way in which a connection test can end."""
    peers = stage.peers
    add = stage.add_server
    add(8, "ok-plain", PLAIN)
    add(9, "ok-starttls-auth", STARTTLS, smtp_encryption="starttls", **LOGIN)
    add(10, "ok-ssl-auth", TLS, smtp_encryption="ssl", **LOGIN)
    add(11, "ok-plain-auth", PLAIN_AUTH, **LOGIN)
    add(12, "refused", peers.refused.port)
    add(13, "dns", PLAIN, smtp_host="no-such-host.invalid")
    add(14, "bad-hostname", PLAIN, smtp_host="foo..bar")
    add(15, "idna-hostname", PLAIN, smtp_host="mäil..example")
    add(16, "host-with-space", PLAIN, smtp_host="no such host")
    add(17, "host-with-port", PLAIN, smtp_host="localhost:2525")
    add(18, "no-host", PLAIN, smtp_host=False)
    wrong = LOGIN | {"smtp_pass": "wrong"}
    add(19, "wrong-password", STARTTLS, smtp_encryption="starttls", **wrong)
    add(20, "user-no-pass", STARTTLS, smtp_encryption="starttls", smtp_user="mailer")
    add(21, "auth-missing", PLAIN_AUTH)
    add(22, "auth-not-offered", PLAIN, **LOGIN)
    add(23, "auth-before-tls", STARTTLS, **LOGIN)
    add(24, "starttls-unsupported", PLAIN, smtp_encryption="starttls")
    add(25, "ssl-on-plain", PLAIN, smtp_encryption="ssl")
    add(26, "ssl-on-starttls", STARTTLS, smtp_encryption="ssl")
    add(27, "sender-refused", PLAIN, from_filter="refused.example")
    add(28, "sender-refused-addr", PLAIN, from_filter="me@refused.example")
    add(29, "server-closes", peers.closing.port)
    add(30, "talks-http", peers.silent.port)
    add(31, "cli", smtp_authentication="cli")
    add(32, "huge-port", 65536 + peers.refused.port)
    add(33, "port-0", 0)
    add(34, "negative-port", -1)
    add(35, "blackhole", peers.silent.port)


def add_mails(stage: Stage) -> None:
    """Mails that Odoo had sent by itself."""
    reason = (
        "Mail Delivery Failed\nMail delivery failed via SMTP server 'None'.\nSMTPNotSupportedError:"
        " One or more source or delivery addresses require internationalized email support, but the"
        " server does not advertise the required SMTPUTF8 capability"
    )
    stage.database.mails.add(id=1, subject="", state="exception", failure_reason=reason)
    stage.database.mails.last_id = 6


def add_crons(stage: Stage) -> None:
    crons = stage.database.models["ir.cron"]
    crons.rows[3]["lastcall"] = "2026-11-22 16:11:57"
    due = {"nextcall": "2026-11-22 16:08:43"}
    minutes = {"interval_number": 5, "interval_type": "minutes"}
    crons.add(id=6, cron_name="Mail: Fetchmail Service", active=False, **minutes, **due)
    push = {"interval_type": "days", "lastcall": "2026-11-22 16:11:57"}
    crons.add(id=8, cron_name="Mail: send web push notification", **push, **due)
    letters = {"active": False, "lastcall": "2026-11-22 16:11:57"}
    crons.add(id=13, cron_name="Snailmail: process letters queue", **letters, **due)


def add_parameters(stage: Stage) -> None:
    stage.who = "admin"
    stage.database.parameters.set_value("mail.activity.gc.delete_overdue_years", "3")
    stage.database.parameters.set_value("snailmail.endpoint", "http://127.0.0.1:9")


def ask_openspp(stage: Stage) -> None:
    """A database with OpenSPP, and users with some of its roles."""
    database = stage.add_database("openspp17")
    stage.odoo.shown = (*stage.odoo.shown, "openspp17")
    database.users.rows[2] |= {"password": "admin", "email": EMAIL}
    for key, value in (
        ("digest.default_digest_emails", "True"),
        ("g2p_registry.batch_registrants_count_job_queue", "2000"),
        ("g2p_registry.max_registrants_count_job_queue", "200"),
        ("mail.activity.gc.delete_overdue_years", "3"),
        ("snailmail.endpoint", "http://127.0.0.1:9"),
        ("spp_starter.show_spp_starter", "True"),
    ):
        database.parameters.set_value(key, value)
    stage.log_in("openspp", database="openspp17")


def as_support(stage: Stage) -> None:
    """Log in with the role *Global Support*, which may not see mail servers."""
    stage.log_in("support", uid=3, database="openspp17")


def in_openspp(stage: Stage) -> None:
    stage.who = "openspp"


def show_two_databases(stage: Stage) -> None:
    stage.odoo.shown = (DATABASE, "odoo19")


def add_two_factor_user(stage: Stage) -> None:
    stage.odoo.cooldown.failures.clear()
    stage.add_user(8, "totp", is_system=True, totp_secret=TOTP_SECRET)
    stage.who = "totp"


def fail_nine_logins(stage: Stage) -> None:
    for _attempt in range(9):
        stage.odoo.cooldown.note(("127.0.0.1", DATABASE), failed=True)


def forget_failures(stage: Stage) -> None:
    stage.odoo.cooldown.failures.clear()


def as_nobody(stage: Stage) -> None:
    stage.who = "nobody"


def as_admin(stage: Stage) -> None:
    stage.who = "admin"


def log_in(stage: Stage) -> None:
    stage.log_in("admin")


def without_debug(stage: Stage) -> None:
    stage.set_debug("")


def with_debug(stage: Stage) -> None:
    stage.set_debug("1")


def with_email(email: str) -> Change:
    def change(stage: Stage) -> None:
        stage.database.users.rows[2]["email"] = email or False

    return change


def as_clerk(stage: Stage) -> None:
    stage.who = "clerk"


def under(host: str) -> Change:
    def change(stage: Stage) -> None:
        stage.host = host

    return change


def skip_id(stage: Stage) -> None:
    stage.database.servers.last_id = 36
    stage.add_server(36, "to be written")


def with_stale_cookie(stage: Stage) -> None:
    stage.who = "stale"


def keep_tested_servers(stage: Stage) -> None:
    rows = stage.database.servers.rows
    for record_id in [*rows]:
        if not 8 <= record_id <= 35:
            del rows[record_id]


def save_settings(stage: Stage) -> None:
    """Save *Use Custom Email Servers* in the settings form."""
    stage.database.parameters.set_value("base_setup.default_external_email_server", "True")


def show_one_database(stage: Stage) -> None:
    stage.odoo.shown = (DATABASE,)


def hide_database(stage: Stage) -> None:
    stage.odoo.shown = ("odoo19",)


BEFORE: dict[str, Change] = {
    "stale-session-call": as_nobody,
    "session-check-ok": as_admin,
    "web-debug-1": log_in,
    "web-nodebug-param": with_debug,
    "web-nosession": as_nobody,
    "web-curl-ua": as_admin,
    "load_menus-debug-off": without_debug,
    "user_has_groups-1": with_debug,
    "clerk-auth": as_clerk,
    "test-json-ok-plain": add_tested_servers,
    "test-call_kw-ok-plain": log_in,
    "test-no-user-email": with_email(""),
    "test-user-email-refused": with_email("x@refused.example"),
    "test-json-blackhole": with_email(EMAIL),
    "create-bad-unknown-field": skip_id,
    "2db-auth-ok-debug1": show_two_databases,
    "2db-stale": with_stale_cookie,
    "apikey-wizard-create": log_in,
    "key-jsonrpc-execute": keep_tested_servers,
    "cooldown-0": forget_failures,
    "cooldown-9": fail_nine_logins,
    "totp-session-auth": add_two_factor_user,
    "totp-web-login-get2": lambda stage: stage.log_in("totp", uid=0),
    "icp": add_parameters,
    "icp-after": save_settings,
    "cron": add_crons,
    "mail-create-ok": add_mails,
    "spp-mailservers": ask_openspp,
    "spp-globalsupport-read": as_support,
    "spp-cron": in_openspp,
    "auth-host": under("some-alias.local:1234"),
    "fr": under(""),
    "l": log_in,
    "onedb-otherdb": hide_database,
    "fixbase": show_one_database,
}
