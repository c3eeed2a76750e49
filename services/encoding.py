"""JSON as Mitra writes it: UTC with a Z, and ids whatever class the driver gives them."""

from typing import Any
from uuid import UUID

import orjson


def encode(value: Any) -> bytes:
    """The JSON of plain values, ids, days and instants. Raises TypeError on anything else."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z)


def _plain(value: Any) -> str:
    if isinstance(value, UUID):  # the driver's own subclass, which orjson does not take for one
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
