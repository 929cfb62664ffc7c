"""The words in which 17 and 19 refuse what a user may not do or a model does not take."""

from collections.abc import Sequence

from remote_mailcfg.sandbox.fault import ACCESS, MISSING, VALIDATION, VALUE, FaultError


def missing_record(model: str, record_id: int, uid: int) -> FaultError:
    text = "Record does not exist or has been deleted."
    return FaultError(MISSING, f"{text}\n(Record: {model}({record_id},), User: {uid})")


def not_allowed(version: int, doing: str, title: str, model: str) -> FaultError:
    group = "Administration/Settings" if version == 17 else "Role / Administrator"
    who = f"This operation is allowed for the following groups:\n\t- {group}"
    return refused(doing, title, model, who)


def refused(doing: str, title: str, model: str, who: str) -> FaultError:
    return FaultError(
        ACCESS,
        f"You are not allowed to {doing} '{title}' ({model}) records.\n\n{who}\n\n"
        "Contact your administrator to request access if necessary.",
    )


def hidden_fields(
    version: int, title: str, model: str, names: Sequence[str], uid: int
) -> FaultError:
    where = f"{title} ({model})"
    if version == 17:
        allowed = "(allowed for groups 'Administration / Settings')"
        listed = "\n".join(f"- {it} {allowed}" for it in names)
        return FaultError(
            ACCESS,
            "The requested operation can not be completed due to security restrictions.\n\n"
            f"Document type: {where}\nOperation: read\nUser: {uid}\nFields:\n{listed}",
        )
    return FaultError(
        ACCESS,
        f'You do not have enough rights to access the field "{names[0]}" on {where}. Please contact'
        f" your system administrator.\n\nOperation: read\nUser: {uid}\n"
        "Groups: allowed for groups 'Role / Administrator'",
    )


def mandatory_field(version: int, title: str, model: str, label: str, name: str) -> FaultError:
    if version == 17:
        text = (
            ":\n- Create/update: a mandatory field is not set.\n- Delete: another model requires"
            " the record being deleted. If possible, archive it instead.\n\n"
            f"Model: {title} ({model})\nField: {label} ({name})\n"
        )
    else:
        text = (
            f": Missing required value for the field '{label}' ({name}).\n"
            f"Model: '{title}' ({model})\n- create/update: a mandatory field is not set\n- delete:"
            " another model requires the record being deleted, you can archive it instead\n"
        )
    return FaultError(VALIDATION, f"The operation cannot be completed{text}")


def wrong_field(version: int, model: str, name: str, where: str) -> FaultError:
    place = f"on model '{model}'" if version == 17 else f"{where} '{model}'"
    return FaultError(VALUE, f"Invalid field '{name}' {place}")


def wrong_term(version: int, model: str, term: tuple[object, ...]) -> FaultError:
    where = "leaf" if version == 17 else "condition"
    return FaultError(VALUE, f"Invalid field {model}.{term[0]} in {where} {term!r}")
