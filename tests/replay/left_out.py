"""Recorded exchanges that the sandbox does not answer, with the reason for each.

A key is the name of an exchange; one that ends with `*` stands for all that begin so.
"""

VIEWS = "views are for browsers; no command reads one"
MENUS = "menus are read from the web client's route: over RPC the call poisons the server's cache"
PAGES = "a method of the web client's pages, which no command calls"
FOREIGN_MODEL = "a model that neither has: the sandbox says 501, for it cannot know all of Odoo's"
FOREIGN_ARGUMENT = (
    "an argument that neither has: the sandbox says 501, it cannot know all of Odoo's"
)
PARTIAL_MODEL = "fields of a model of which the sandbox has those that are read, not all"
ROLES = "groups and OpenSPP's roles are one flag in the sandbox: System Admin or not"
SETTINGS = "the settings form writes parameters and modules; no command goes through it"
LANGUAGES = "the client asks in English only; the sandbox has no translations"
BY_ACCIDENT = "a method that is public by accident"
TRACEBACK = "an exception inside the last line of a traceback, which no client shows"
OTHER_ROUTES = "a wire or a page beyond the sandbox's routes"
OTHER_MODULES = "needs a module that this sandbox has not: its session, its fields, its page"

LEFT_OUT_17 = {
    "get_views-partner-*": VIEWS,
    "stateless-lm": VIEWS,
    "stateless-cookie": VIEWS,
    "clerk-get_views": VIEWS,
    "accessmgr-get_views": VIEWS,
    "onchange": VIEWS,
    "load_menus-rpc-*": MENUS,
    "poison*": MENUS,
    "menu-search-*": MENUS,
    "visible-menus-0": MENUS,
    "stateless-menu*": MENUS,
    "stateless-ref": MENUS,
    "web_search_read": PAGES,
    "name_search": PAGES,
    "name_get?": PAGES,
    "toggle_active": PAGES,
    "model-unknown": FOREIGN_MODEL,
    "ckw-model-unknown": FOREIGN_MODEL,
    "xml-model-unknown": FOREIGN_MODEL,
    "connect-public-method": BY_ACCIDENT,
    "send_email-public": BY_ACCIDENT,
    "sysgrp": ROLES,
    "spp-roles": ROLES,
    "spp-rolefind": ROLES,
    "spp-mkuser*": ROLES,
    "spp-groups": ROLES,
    "spp-r": ROLES,
    "spp-mkglobal*": ROLES,
    "spp-audit*": OTHER_MODULES,
    "settings-*": SETTINGS,
    "fetchmail": PARTIAL_MODEL,
    "mail-send-raise-xml": TRACEBACK,
    "lang": LANGUAGES,
    "lw": LANGUAGES,
    "li": LANGUAGES,
    "fr-ok-plain": LANGUAGES,
    "fr-refused": LANGUAGES,
    "fr-starttls-unsupported": LANGUAGES,
    "fr-xml": LANGUAGES,
    "fr-access": LANGUAGES,
}
LEFT_OUT_19 = {
    "b-off-get_views": VIEWS,
    "b-on-get_views": VIEWS,
    "c-bob-get_views": VIEWS,
    "f2-json2-get_views-debugq": VIEWS,
    "b-off-load_menus_*": MENUS,
    "b-off-load_web_menus_False": MENUS,
    "b-off-menu-search": MENUS,
    "b2-menu-*": MENUS,
    "c-web_read-pass": PAGES,
    "c-web_save": PAGES,
    "c-toggle_active": PAGES,
    "c-get_metadata": PAGES,
    "c-name_*": PAGES,
    "b2-get_web_login_debug_1": "an error of that server alone: a login page with a session",
    "b2-get_web_static_img_favicon_ico_debug_1": OTHER_ROUTES,
    "f2-json2-GET_doc": OTHER_ROUTES,
    "b19b-doc": OTHER_ROUTES,
    "e-unknown-field-xmlrpc1": OTHER_ROUTES,
    "e-wrongpw-xmlrpc1": OTHER_ROUTES,
    "f-xmlrpc-run_check": "a call of execute_kw without arguments, which no client makes",
    "e-unknown-model-*": FOREIGN_MODEL,
    "f2-json2-unknown-model": FOREIGN_MODEL,
    "d2-extra-kwarg": FOREIGN_ARGUMENT,
    "d2-json2-unknown-kw": FOREIGN_ARGUMENT,
    "413-h-queue-read": PARTIAL_MODEL,
    "417-h-queue2-read": PARTIAL_MODEL,
    "h-user-fields": PARTIAL_MODEL,
    "h-settings-fields": SETTINGS,
    "b19b-authenticate": OTHER_MODULES,
    "b19b-gmail-*": OTHER_MODULES,
}
