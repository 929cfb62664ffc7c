"""`ir.actions.server`: Python that runs on the server, for one call."""

from collections.abc import Mapping, Sequence
from typing import Any

from remote_mailcfg.sandbox.fault import VALIDATION, FaultError
from remote_mailcfg.sandbox.field import Field, Row
from remote_mailcfg.sandbox.model import Call, Model, for_records


class _Record:
    """One record as the code of a server action sees it."""

    def __init__(self, call: Call, model: Model, record_id: int) -> None:
        self._call = call
        self._model = model
        self._id = record_id

    def __getattr__(self, field: str) -> Any:
        return self._model.rows[self._id][field]

    __getitem__ = __getattr__

    def write(self, vals: Row) -> None:
        self._model.write(self._call, [self._id], vals)


class _Environment:
    """`env` in that code: `env['model'].browse(id)`."""

    def __init__(self, call: Call, model: str = "") -> None:
        self._call = call
        self._model = model

    def __getitem__(self, model: str) -> "_Environment":
        return _Environment(self._call, model)

    def browse(self, record_id: int) -> _Record:
        model = self._call.database.models[self._model]
        if record_id not in model.rows:
            raise FaultError(VALIDATION, f"Record does not exist: {self._model}({record_id},)")
        return _Record(self._call, model, record_id)


class ServerActions(Model):
    name = "ir.actions.server"
    title = "Server Actions"
    fields: Mapping[str, Field] = {
        "name": Field("char", required=True),
        "model_id": Field("many2one", required=True, relation="ir.model"),
        "state": Field("selection", "code", selection=(("code", "Execute Code"),)),
        "code": Field("text"),
    }

    @for_records
    def run(self, call: Call, ids: Sequence[int]) -> bool:
        for row in self._existing(ids):
            code = {"__builtins__": {}, "env": _Environment(call)}
            exec(row["code"], code)  # noqa: S102 - it is what such an action does
        return False
