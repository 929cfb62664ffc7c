"""How a call to the stand-in may end other than with a result."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """An exception class of Odoo: its name, the JSON-2 status and the XML-RPC fault code."""

    name: str
    status: int
    code: int


USER = Kind("odoo.exceptions.UserError", 422, 2)
VALIDATION = Kind("odoo.exceptions.ValidationError", 422, 2)
MISSING = Kind("odoo.exceptions.MissingError", 404, 2)
DENIED = Kind("odoo.exceptions.AccessDenied", 403, 3)
ACCESS = Kind("odoo.exceptions.AccessError", 403, 4)
DELIVERY = Kind("odoo.addons.base.models.ir_mail_server.MailDeliveryException", 500, 1)
EXPIRED = Kind("odoo.http.SessionExpiredException", 403, 1)
VALUE = Kind("builtins.ValueError", 500, 1)
TYPE = Kind("builtins.TypeError", 500, 1)
INDEX = Kind("builtins.IndexError", 500, 1)
ATTRIBUTE = Kind("builtins.AttributeError", 500, 1)
EXCEPTION = Kind("builtins.Exception", 500, 1)
DATABASE = Kind("psycopg2.OperationalError", 500, 1)
RANGE = Kind("psycopg2.errors.NumericValueOutOfRange", 500, 1)


class FaultError(Exception):
    """An exception of Odoo, which every wire shows in its own way."""

    def __init__(self, kind: Kind, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.kind = kind
        self.arguments = arguments
        self.message = "\n".join(str(it) for it in arguments)


class UnknownError(Exception):
    """Something that the stand-in does not know: the answer is 501 with its name."""


class BrokenOffError(Exception):
    """A test wants this request to get no answer: the connection is reset, or held if `hang`."""

    def __init__(self, *, hang: bool) -> None:
        super().__init__(hang)
        self.hang = hang
