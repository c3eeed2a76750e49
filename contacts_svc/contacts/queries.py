"""Reading contacts, and telling which contact is meant."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound, invalid_field
from services.external_ids import find_bearers
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived

from .models import Contact
from .normal_forms import phone_number
from .points import bearers_of, point_set
from .rules import confidence_bps
from .schemas import Candidate, Clues, Reachable, Reached, Resolution

NOUN = "contact"
FIELDS: FilterFields = {
    "kind": Field("choice", Contact.kind),
    "lifecycle": Field("choice", Contact.lifecycle),
    "lifecycle_override": Field("choice", Contact.lifecycle_override),
    "owner_id": Field("id", Contact.owner_id),
    "country": Field("choice", Contact.country),
    "language": Field("choice", Contact.language),
    "tags": Field("tags", Contact.tags),
    "roles": Field("tags", Contact.roles),
    "industry": Field("choice", Contact.industry),
    "size_band": Field("choice", Contact.size_band),
    "persona": Field("choice", Contact.persona),
    "display_name": Field("text", Contact.display_name),
    "email": Field("tags", point_set("email")),
    "phone": Field("tags", point_set("phone")),
    "created_at": Field("instant", Contact.created_at),
    "updated_at": Field("instant", Contact.updated_at),
}
ORDERS = {
    "created_at": Order(Contact.created_at, datetime),
    "updated_at": Order(Contact.updated_at, datetime),
    "display_name": Order(Contact.display_name, str),
}


async def get_contact(session: AsyncSession, contact_id: UUID, *, lock: bool = False) -> Contact:
    """The contact, locked for a change if asked. Raises NotFound."""
    contact = await session.get(Contact, contact_id, with_for_update=lock or None)
    if contact is None:
        raise NotFound(f"There is no contact {contact_id}")
    return contact


async def list_contacts(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the contacts that are not archived."""
    statement = filtered(unarchived(Contact), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Contact.id, orders=ORDERS, default="-created_at")


async def resolve(session: AsyncSession, clues: Clues) -> Resolution:
    """The contacts that any of the clues points to, surest first. An archived one is found by an id only. Raises Invalid."""
    found: dict[UUID, list[tuple[str, int]]] = {}
    for kind, bearers in await _bearers(session, clues):
        for contact_id in bearers:
            found.setdefault(contact_id, []).append((kind, len(bearers)))
    ranked = sorted(((confidence_bps(matched), contact_id) for contact_id, matched in found.items()), key=lambda pair: (-pair[0], pair[1]))
    candidates = [
        Candidate.model_validate({"contact_id": each, "confidence_bps": bps, "matched_by": list(dict(found[each]))}) for bps, each in ranked
    ]
    is_sure = len(ranked) == 1 or (len(ranked) > 1 and ranked[0][0] > ranked[1][0])
    best = candidates[0] if is_sure else None
    return Resolution(
        contact_id=best.contact_id if best else None, confidence_bps=best.confidence_bps if best else 0, candidates=candidates
    )


async def _bearers(session: AsyncSession, clues: Clues) -> list[tuple[str, Sequence[UUID]]]:
    named = (await session.scalars(select(Contact.id).where(Contact.id.in_(clues.ids)))).all() if clues.ids else []
    borne = set((await find_bearers(session, NOUN, clues.external_ids)).values())
    answers: list[tuple[str, Sequence[UUID]]] = [("id", [each]) for each in named]
    answers += [("external_id", [each]) for each in borne]
    if clues.email is not None:
        answers.append(("email", await bearers_of(session, "email", clues.email)))
    if clues.phone is not None:
        number = phone_number(clues.phone, clues.country)
        if number is None:
            raise invalid_field("/phone", "phone", "This is no telephone number (a national one needs a country)")
        answers.append(("phone", await bearers_of(session, "phone", number)))
    return answers


async def reach(session: AsyncSession, ids: Sequence[UUID]) -> Reached:
    """How to reach each of the contacts (at most 500), archived ones too, and which of the ids are unknown."""
    names = ("id", "display_name", "given_name", "family_name", "emails", "phones", "language", "time_zone", "country", "archived_at")
    columns = (getattr(Contact, name) for name in names)
    rows = (await session.execute(select(*columns).where(Contact.id.in_(ids)).order_by(Contact.id))).mappings().all()
    known = {row["id"] for row in rows}
    contacts = [Reachable.model_validate({**row, "archived": row["archived_at"] is not None}) for row in rows]
    return Reached(contacts=contacts, missing=[each for each in dict.fromkeys(ids) if each not in known])
