"""How a call to the stand-in may end other than with a result."""

from dataclasses import dataclass


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
VALUE = Kind("builtins.ValueError", 500, 1)
DATABASE = Kind("psycopg2.OperationalError", 500, 1)
EXPIRED = Kind("odoo.http.SessionExpiredException", 403, 1)
UNAUTHORIZED = Kind("werkzeug.exceptions.Unauthorized", 401, 1)


class FaultError(Exception):
    """An exception of Odoo, which every wire shows in its own way."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class UnknownError(Exception):
    """Something that the stand-in does not know: the answer is 501 with its name."""


class NoDatabaseError(Exception):
    """The request names no database and there are several, or one that is not there: 404 HTML."""


class BrokenOffError(Exception):
    """A test wants this request to get no answer: the connection is closed, or held if `hang`."""

    def __init__(self, *, hang: bool) -> None:
        super().__init__(hang)
        self.hang = hang
