"""Finding contacts by e-mail address and number: the silent table `contact_point`, how it follows a change, and how filters ask it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, TypeDecorator, any_, bindparam, delete, func, insert, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import operators

from services.database import context_of
from services.kept_statements import KeptInsert

from .models import Contact, ContactPoint
from .normal_forms import email_address, phone_number

PointKind = Literal["email", "phone"]
LISTS: Mapping[PointKind, tuple[str, str]] = {"email": ("emails", "address"), "phone": ("phones", "e164")}
_COLUMNS = (ContactPoint.tenant_id, ContactPoint.kind, ContactPoint.value, ContactPoint.contact_id)
_DELETE = delete(ContactPoint.__table__).where(*(column == bindparam(f"old_{column.key}") for column in _COLUMNS))  # type: ignore[arg-type]
_INSERT = KeptInsert(insert(ContactPoint.__table__), *(column.key for column in _COLUMNS))  # type: ignore[arg-type]


async def follow(session: AsyncSession, changes: Iterable[tuple[UUID, Mapping[str, Any], Mapping[str, Any]]]) -> None:
    """Make the points of contacts agree with their lists, as (contact id, values before, values after); before a birth stands {}."""
    tenant_id = context_of(session).tenant_id
    gone, come = [], []
    for contact_id, before, after in changes:
        old, new = _points(before), _points(after)
        gone += [(tenant_id, kind, value, contact_id) for kind, value in old - new]
        come += [(tenant_id, kind, value, contact_id) for kind, value in new - old]
    if gone:
        await session.execute(_DELETE, [{f"old_{c.key}": part for c, part in zip(_COLUMNS, row, strict=True)} for row in gone])
    if come:
        await _INSERT.write(session, [{c.key: part for c, part in zip(_COLUMNS, row, strict=True)} for row in come])


async def bearers_of(session: AsyncSession, kind: PointKind, value: str) -> Sequence[UUID]:
    """The contacts that are not archived and bear an address or number (in its normal form), oldest first."""
    statement = select(Contact.id).join(ContactPoint, ContactPoint.contact_id == Contact.id)
    statement = statement.where(ContactPoint.kind == kind, ContactPoint.value == value, Contact.archived_at.is_(None))
    return (await session.scalars(statement.order_by(Contact.id))).all()


def normal_form(kind: PointKind, value: str) -> str:
    """`value` as it would be stored, or as it is where it could not be stored at all."""
    return (email_address(value) if kind == "email" else phone_number(value, None)) or value


class Member(TypeDecorator[list[str]]):
    """The one member that a filter looks for, bound in the normal form under which it is stored."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: PointKind) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: list[str] | None, _dialect: Any) -> str | None:
        """The text to compare with."""
        return None if value is None else normal_form(self.kind, value[0])


class PointSet(ARRAY[Any]):
    """The type under which filters see the addresses of a contact: a set whose membership is asked of `contact_point`."""

    cache_ok = True

    def __init__(self, kind: PointKind) -> None:
        super().__init__(Text())
        self.kind = kind

    class Comparator(ARRAY.Comparator[Any]):
        def operate(self, op: Any, *other: Any, **options: Any) -> ColumnElement[Any]:
            """`@>` has the member; `IS` and `IS NOT` (NULL) an empty list."""
            assert isinstance(self.type, PointSet)
            kind = self.type.kind
            if op in (operators.is_, operators.is_not):
                empty = func.jsonb_array_length(getattr(Contact, LISTS[kind][0])) == 0
                return empty if op is operators.is_ else ~empty
            member = type_coerce(other[0], Member(kind))
            bearers = select(ContactPoint.contact_id).where(ContactPoint.kind == kind, ContactPoint.value == member)
            return Contact.id == any_(func.array(bearers.scalar_subquery()))  # unlike IN, also by index inside an OR

    comparator_factory = Comparator


def point_set(kind: PointKind) -> ColumnElement[Any]:
    """The addresses of the contact of a row, for a filter."""
    return type_coerce(Contact.id, PointSet(kind))


def _points(values: Mapping[str, Any]) -> set[tuple[PointKind, str]]:
    return {(kind, entry[key]) for kind, (name, key) in LISTS.items() for entry in values.get(name, ())}
