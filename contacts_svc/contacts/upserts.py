"""Upserts: one contact for each key, whoever asks at the same time; new, changed, or as it was."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, func, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import Outcome
from services.contracts import ExternalId
from services.database import context_of, now
from services.errors import Conflict, FieldError, NotFound, Refusal, invalid_field
from services.external_ids import claim, release
from services.identifiers import new_id
from services.outbox import RecordedTwice, record_many

from . import points
from .models import Contact
from .operations import change_contact, change_told, claim_names, create_contact, insert_contacts, state_of, written
from .points import LISTS, PointKind
from .queries import NOUN, get_contact
from .rules import BLANK, Values, settled
from .schemas import ContactCreate, ContactRead

ADDRESS_LOCK_SPACE = 7120
_CHANGEABLE = (*BLANK, "version", "updated_at")
_UPDATE = (
    update(Contact.__table__)  # type: ignore[arg-type]
    .where(Contact.__table__.c.id == bindparam("row_id"))
    .values({name: bindparam(f"new_{name}", type_=Contact.__table__.c[name].type) for name in _CHANGEABLE})
)
_WANTED = func.unnest(bindparam("ids", type_=ARRAY(Uuid))).table_valued("id", name="wanted").render_derived()
_LOCKED = select(Contact.__table__).where(Contact.__table__.c.id == _WANTED.c.id).with_for_update().correlate(_WANTED).lateral("locked")
_LOCK = select(_LOCKED).select_from(_WANTED.join(_LOCKED, true()))
"""Locks row by row in the order of the ids, each found by its key: an IN is answered by a scan while the table has no statistics."""


class SharedAddress(Conflict):
    """Several contacts bear this address, so it names none of them."""

    code = "shared_address"


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of one upsert: its status (201 new, 200 changed or unchanged) and the contact's row."""

    status: int
    row: Values


Item = tuple[ExternalId, ContactCreate]
Answers = dict[int, Upserted | Refusal]


async def upsert_contacts(session: AsyncSession, items: Sequence[Item]) -> list[Upserted | Refusal]:
    """Create the contacts whose external id nobody bears and change the others where what is sent differs, both set-based.

    External ids in a body are added, never taken away. A key that comes twice is one contact, which only one of its items may change.
    """
    fresh = {key: new_id() for key, _ in items}
    bearers = await claim(session, NOUN, list(fresh.items()))
    ours = {key: row_id for key, row_id in fresh.items() if bearers[key] == row_id}
    answers = await _create(session, items, ours)
    rows = {each.row["id"]: each.row for each in answers.values() if isinstance(each, Upserted)}
    rows |= await lock_contacts(session, [bearer for key, bearer in bearers.items() if key not in ours])
    left = {place: (bearers[key], key, body) for place, (key, body) in enumerate(items) if place not in answers}
    answers |= await _change(session, left, rows, recorded=set(ours.values()))
    return [answers[place] for place in range(len(items))]


async def _create(session: AsyncSession, items: Sequence[Item], ours: Mapping[ExternalId, UUID]) -> Answers:
    """Create a contact for the first sound item of each key that we have just claimed; give back the keys that nothing came of."""
    today = now(session).date()
    answers: Answers = {}
    births: dict[UUID, tuple[int, Values]] = {}
    for place, (key, body) in enumerate(items):
        if key not in ours or ours[key] in births:
            continue
        try:
            values = settled(BLANK, _with_key(body.sent(), BLANK, key), today=today)
        except Refusal as refusal:
            answers[place] = refusal
        else:
            births[ours[key]] = place, {"id": ours[key], "origin": body.origin.model_dump(mode="json"), **values}
    refused = await claim_names(session, [(row_id, _sent_names(items[place])) for row_id, (place, _) in births.items()])
    answers |= {births.pop(row_id)[0]: refusal for row_id, refusal in refused.items()}
    await release(session, NOUN, [(key, row_id) for key, row_id in ours.items() if row_id not in births])
    rows = await insert_contacts(session, [values for _, values in births.values()])
    return answers | {place: Upserted(201, row) for (place, _), row in zip(births.values(), rows, strict=True)}


async def lock_contacts(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, Values]:
    """The rows of known contacts, locked in the order of their ids so that two batches cannot lock each other out."""
    if not ids:
        return {}
    found = await session.execute(_LOCK, {"ids": sorted(set(ids))})
    return {row["id"]: dict(row) for row in found.mappings()}


async def _change(
    session: AsyncSession, items: Mapping[int, tuple[UUID, ExternalId, ContactCreate]], rows: dict[UUID, Values], *, recorded: set[UUID]
) -> Answers:
    today = now(session).date()
    answers: Answers = {}
    changes: dict[int, tuple[Values, Values]] = {}
    for place, (row_id, key, body) in items.items():
        try:
            row = _known(rows, row_id)
            values = settled(row, _with_key(body.sent(), row, key), today=today)
            changed = {name: value for name, value in values.items() if value != row[name]}
            if changed and row_id in recorded:
                raise RecordedTwice("Another item of this batch changes the same contact")
        except Refusal as refusal:
            answers[place] = refusal
            continue
        if changed:
            recorded.add(row_id)
            changes[place] = row, changed
            rows[row_id] = row | changed
    refused = await claim_names(session, [(row["id"], _sent_names(items[place][1:])) for place, (row, _) in changes.items()])
    rows |= {row["id"]: row for row in await write_changes(session, [each for each in changes.values() if each[0]["id"] not in refused])}
    return answers | {
        place: refused.get(items[place][0]) or Upserted(200, rows[items[place][0]]) for place in items.keys() - answers.keys()
    }


async def write_changes(session: AsyncSession, changes: Sequence[tuple[Values, Values]]) -> list[Values]:
    """Write changes of locked rows, as (row, the fields that differ), with their points and events, set-based; answers the new rows."""
    if not changes:
        return []
    at = now(session)
    rows = [row | changed | {"version": row["version"] + 1, "updated_at": max(at, row["updated_at"])} for row, changed in changes]
    await session.execute(_UPDATE, [{"row_id": row["id"]} | {f"new_{name}": row[name] for name in _CHANGEABLE} for row in rows])
    await points.follow(session, [(before["id"], before, after) for (before, _), after in zip(changes, rows, strict=True)])
    facts = []
    for row, (before, changed) in zip(rows, changes, strict=True):
        fact = change_told(before, row, state_of(row)).model_copy(update={"changed": sorted(changed)})
        facts.append((written(row), fact, None))
    await record_many(session, facts)
    return rows


def _known(rows: Mapping[UUID, Values], row_id: UUID) -> Values:
    if row_id not in rows:
        raise NotFound("The first item of this key was refused, so there is no contact to change")
    return rows[row_id]


def _with_key(sent: Values, present: Mapping[str, Any], key: ExternalId) -> Values:
    names = [*present["external_ids"], *(sent.get("external_ids") or ()), key.model_dump()]
    return sent | {"external_ids": [each for place, each in enumerate(names) if each not in names[:place]]}


def _sent_names(item: Item) -> list[dict[str, str]]:
    return [each.model_dump() for each in item[1].external_ids or ()]


async def upsert_contact(session: AsyncSession, key: ExternalId, body: ContactCreate) -> tuple[int, Contact]:
    """Upsert one contact by external id: the status (201 new, 200) and the contact. Raises Invalid, ExternalIdTaken."""
    (answer,) = await upsert_contacts(session, [(key, body)])
    if isinstance(answer, Refusal):
        raise answer
    return answer.status, Contact(**answer.row)


async def upsert_by_address(session: AsyncSession, by: PointKind, body: ContactCreate) -> tuple[int, Contact | ContactRead]:
    """Upsert one contact by the first e-mail address or number of the body: the status (201 new, 200) and the contact.

    Contacts that are archived do not count. Addresses of the key's kind are added to those of a known contact, never taken away; the
    other fields change as in a patch. Raises Invalid, SharedAddress when several contacts bear the key, ExternalIdTaken.
    """
    name, key = LISTS[by]
    sent = body.sent()
    entries = settled(BLANK, sent, today=now(session).date())[name]
    if not entries:
        raise invalid_field(f"/{name}", "missing", f"An upsert by {by} needs one")
    value = entries[0][key]
    lock = zlib.crc32(f"{context_of(session).tenant_id}|{by}|{value}".encode()) - 2**31
    await session.execute(select(func.pg_advisory_xact_lock(ADDRESS_LOCK_SPACE, lock)))
    bearers = await points.bearers_of(session, by, value)
    if not bearers:
        return 201, await create_contact(session, body)
    if len(bearers) > 1:
        errors = [FieldError(f"/{name}/0/{key}", "shared", f"The contact {bearer} bears it") for bearer in bearers]
        raise SharedAddress("Several contacts bear this address: " + ", ".join(map(str, bearers)), errors=errors)
    contact = await get_contact(session, bearers[0], lock=True)
    present = getattr(contact, name)
    known = {entry[key] for entry in present}
    added = [{**entry, "primary": False} for entry in entries if entry[key] not in known]
    return 200, await change_contact(session, contact, sent | {name: [*present, *added]})


async def upsert_each(session: AsyncSession, items: Sequence[Item]) -> list[Outcome | Refusal]:
    """Upsert for a batch."""
    answers = await upsert_contacts(session, items)
    return [each if isinstance(each, Refusal) else Outcome(each.status, each.row["id"], each.row["version"]) for each in answers]
