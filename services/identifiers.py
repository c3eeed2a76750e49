"""UUIDv7 identifiers, made in Python so that an id is known before its row is written."""

from uuid import UUID

from uuid_utils import compat


def new_id() -> UUID:
    """A fresh UUIDv7: ids made later sort later, so an index grows at its end."""
    return compat.uuid7()
