"""What happened to the recorded Odoo 19 between the exchanges."""

from typing import Any

from tests.replay.stage import TOTP_SECRET, Change, Stage

DATABASE = "odoo19"
OTHER = "odoo19b"
LOGIN: dict[str, Any] = {"smtp_user": "mailer", "smtp_pass": "s3cret"}
PLAIN, STARTTLS, TLS, PLAIN_AUTH = 2535, 2536, 2537, 2538
#: What Odoo brings along: external id (of `base`, but for one), model and id.
EXTERNAL_IDS = (
    ("action_ir_mail_server_list", "ir.actions.act_window", 19),
    ("menu_administration", "ir.ui.menu", 1),
    ("menu_custom", "ir.ui.menu", 8),
    ("menu_email", "ir.ui.menu", 10),
    ("menu_mail_servers", "ir.ui.menu", 31),
    ("ir_mail_server_form", "ir.ui.view", 44),
    ("ir_mail_server_list", "ir.ui.view", 45),
    ("group_no_one", "res.groups", 7),
)
PARAMETERS = {
    "base.default_max_email_size": "10",
    "base.login_cooldown_after": "10",
    "base.login_cooldown_duration": "60",
    "base.template_portal_user_id": "4",
    "base_setup.show_effect": "True",
    "database.create_date": "2026-11-22 16:12:54",
    "database.secret": "17806e1f-b9ad-498a-99d6-4aa4d396808e",
    "database.uuid": "931b1fb4-e68f-11f1-9331-02fc00000001",
    "mail.activity.gc.delete_overdue_years": "3",
    "mail.restrict.template.rendering": "1",
}


def start(stage: Stage) -> None:
    """The server as it was first asked: two databases, one administrator without an address."""
    for database in (stage.database, stage.odoo.databases[OTHER]):
        database.users.rows[2] |= {"password": "admin", "email": False}
        del database.users.rows[3], database.users.rows[4]
        database.users.last_id = 4
        database.models["res.company"].rows[1]["email"] = False
        for name, model, record_id in EXTERNAL_IDS:
            database.external_ids.add(module="base", name=name, model=model, res_id=record_id)
        for key, value in PARAMETERS.items():
            database.parameters.set_value(key, value)


def use_server(stage: Stage) -> None:
    """A mail template that uses the mail server 1."""
    stage.database.models["mail.template"].add(name="t", mail_server_id=1)


def add_server_without_host(stage: Stage) -> None:
    stage.who = "admin"
    stage.add_server(4, "no address", PLAIN)


def add_tested_servers(stage: Stage) -> None:
    """Every way in which a connection test can end."""
    peers = stage.peers
    add = stage.add_server
    add(27, "plain-ok", PLAIN)
    add(28, "plain-localhost", PLAIN, smtp_host="localhost")
    add(29, "refused", peers.refused.port)
    add(30, "dns", PLAIN, smtp_host="no-such-host.invalid")
    add(31, "badname", PLAIN, smtp_host="foo..bar")
    add(32, "emptyhost", PLAIN, smtp_host=False)
    add(33, "port0", 0)
    add(34, "port99999", 65536 + peers.refused.port)
    add(35, "auth-ok", STARTTLS, smtp_encryption="starttls", **LOGIN)
    wrong = LOGIN | {"smtp_pass": "wrong"}
    add(36, "wrongpw", STARTTLS, smtp_encryption="starttls", **wrong)
    add(37, "noauth-on-auth-server", STARTTLS, smtp_encryption="starttls")
    add(38, "auth-no-tls-2536", STARTTLS, **LOGIN)
    add(39, "auth-plaintext-2538-ok", PLAIN_AUTH, **LOGIN)
    add(40, "auth-on-noauth-server", PLAIN, **LOGIN)
    add(41, "starttls-strict-selfsigned", STARTTLS, smtp_encryption="starttls_strict", **LOGIN)
    add(42, "starttls-unsupported", PLAIN, smtp_encryption="starttls")
    add(43, "ssl-on-plain", PLAIN, smtp_encryption="ssl")
    add(44, "plain-on-ssl-port", TLS)
    add(45, "ssl-ok-selfsigned", TLS, smtp_encryption="ssl", **LOGIN)
    add(46, "ssl-strict-selfsigned", TLS, smtp_encryption="ssl_strict", **LOGIN)
    add(47, "rcpt-reject-fromfilter", PLAIN, from_filter="reject@example.org")
    add(48, "archived-ok", PLAIN, active=False)
    add(49, "cli-auth", smtp_authentication="cli")
    add(50, "silent", peers.silent.port)
    add(51, "small", peers.small.port)


def keep_tested_servers(stage: Stage) -> None:
    rows = stage.database.servers.rows
    for record_id in [*rows]:
        if record_id != 2 and not 27 <= record_id <= 51:
            del rows[record_id]
    stage.database.servers.last_id = 84
    stage.who = "admin"


def as_bob(stage: Stage) -> None:
    stage.log_in("bob", uid=5)


def as_bob_with_a_key(stage: Stage) -> None:
    stage.add_key("bob")
    stage.who = "bob"


def as_admin(stage: Stage) -> None:
    stage.who = "admin"


def as_nobody(stage: Stage) -> None:
    stage.who = "nobody"


def log_in(stage: Stage) -> None:
    stage.log_in("admin")


def use_session(stage: Stage) -> None:
    """Log in, and make the first call inside the session, which sets the cookie once more."""
    log_in(stage)
    stage.session.is_traced = True


def log_in_with_debug(stage: Stage) -> None:
    stage.log_in("admin", debug="1")


def prepare_third_wizard(stage: Stage) -> None:
    stage.database.models["res.users.apikeys.description"].last_id = 3
    as_bob(stage)


def with_key_of(login: str) -> Change:
    def change(stage: Stage) -> None:
        stage.key_of = login

    return change


def make_wizard(stage: Stage) -> None:
    stage.database.models["res.users.apikeys.description"].add(name="over rpc")


def skip_ids(stage: Stage) -> None:
    stage.database.servers.last_id = 90


def with_debug(stage: Stage) -> None:
    stage.set_debug("1")


def without_debug(stage: Stage) -> None:
    stage.set_debug("")


def with_stale_cookie(stage: Stage) -> None:
    stage.who = "stale"


def show_one_database(stage: Stage) -> None:
    del stage.database.servers.rows[91]
    stage.odoo.shown = (DATABASE,)


def hide_list(stage: Stage) -> None:
    stage.odoo.lists_databases = False


def add_two_factor_user(stage: Stage) -> None:
    stage.odoo.shown = (DATABASE, OTHER)
    stage.odoo.cooldown.failures.clear()
    other = stage.odoo.databases[OTHER]
    stage.add_user(5, "totp", other, is_system=True, totp_secret=TOTP_SECRET)
    stage.add_key("totp", other)
    stage.who = "totp"


BEFORE: dict[str, Change] = {
    "a-callkw-expired-session": as_nobody,
    "a-session-destroy": log_in,
    "b-off-has_group": log_in,
    "b-get-odoo-nodebug-keeps": with_debug,
    "b2-callkw-with-debug-query": without_debug,
    "b2-session-check-debug-query": without_debug,
    "b2-get_debug_1": without_debug,
    "b2-get_web_version_debug_1": without_debug,
    "b2-xmlids": use_session,
    "b4-web-login-debug": as_nobody,
    "f-desc-default_get": log_in,
    "f-xmlrpc-make_key": make_wizard,
    "f-json2-password-as-bearer": with_key_of("nobody"),
    "c-default_get": with_key_of(""),
    "c-archive-used": use_server,
    "c-bob-fields_get": as_bob,
    "d0-admin-without-email-callkw": add_server_without_host,
    "d-plain-ok-callkw": add_tested_servers,
    "e-port-numeric-string-callkw": log_in,
    "f2-bob-desc-create": prepare_third_wizard,
    "f2-json2-search_read": keep_tested_servers,
    "f2-json2-bob": as_bob_with_a_key,
    "f2-json2-private": as_admin,
    "f2-json2-has_group-cookie": log_in_with_debug,
    "f2-json2-cookie-otherkey": with_key_of("bob"),
    "f2-json2-nodbheader": with_key_of(""),
    "f2-authenticate-with-db-header": as_nobody,
    "h-icp": log_in,
    "h-owner-create": skip_ids,
    "s1-callkw-no-session": show_one_database,
    "s1-callkw-bad-session": as_nobody,
    "s1-callkw-after-destroy": with_stale_cookie,
    "s1-db-list-disabled": hide_list,
    "s1-json2-nodbheader": as_admin,
    "t-authenticate-totp-user": add_two_factor_user,
    "v-mail-default_get": use_session,
}
