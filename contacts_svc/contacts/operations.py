"""Changing contacts: creation (one and many), patches, archive and restore, and whose a contact is. Upserts are beside it."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import Outcome
from services.contracts import ExternalId
from services.database import birth, now
from services.errors import Conflict, FieldError, Refusal
from services.events.contacts import (
    ContactArchived,
    ContactCreated,
    ContactOwnerChanged,
    ContactRestored,
    ContactState,
    ContactUpdated,
)
from services.external_ids import claim, find_bearers, release
from services.identifiers import new_id
from services.kept_statements import KeptInsert
from services.outbox import Written, record, record_many
from services.preconditions import check_version

from . import points
from .models import Contact
from .queries import NOUN, get_contact
from .rules import BLANK, Values, settled
from .schemas import ContactAssignment, ContactCreate, ContactPatch, ContactRead

INSERT = KeptInsert(insert(Contact.__table__), *Contact.__table__.columns.keys())  # type: ignore[arg-type]
Named = tuple[UUID, Sequence[Mapping[str, str]]]


class ExternalIdTaken(Conflict):
    """Another contact bears this external id."""

    code = "external_id_taken"


def state_of(contact: Contact | Values) -> ContactState:
    """The public state of a contact or of its row."""
    return ContactState.model_validate(contact)


def written(row: Values) -> Written:
    """The bookkeeping of a row that was written set-based."""
    return Written(row["id"], row["version"], row["partition_key"], row["updated_at"])


async def create_contacts(session: AsyncSession, bodies: Sequence[ContactCreate]) -> list[Values | Refusal]:
    """Write new contacts and their events: one multi-row INSERT each. Answers each one's row, or why there is none."""
    today = now(session).date()
    answers: list[Values | Refusal] = []
    for body in bodies:
        try:
            answers.append({"id": new_id(), "origin": body.origin.model_dump(mode="json"), **settled(BLANK, body.sent(), today=today)})
        except Refusal as refusal:
            answers.append(refusal)
    refused = await claim_names(session, [(each["id"], each["external_ids"]) for each in answers if isinstance(each, dict)])
    answers = [refused.get(each["id"], each) if isinstance(each, dict) else each for each in answers]
    rows = iter(await insert_contacts(session, [each for each in answers if isinstance(each, dict)]))
    return [next(rows) if isinstance(each, dict) else each for each in answers]


async def insert_contacts(session: AsyncSession, births: Sequence[Values]) -> list[Values]:
    """Write the rows, points and events of contacts whose id, origin and settled values are given and whose names are claimed."""
    rows = []
    for values in births:
        kept = birth(session, values["id"])
        rows.append({**kept, **values, "lifecycle": "suspect", "lifecycle_since": kept["created_at"], "lifecycle_override": None})
    if not rows:
        return []
    await INSERT.write(session, rows)
    await points.follow(session, [(row["id"], {}, row) for row in rows])
    await record_many(session, [(written(row), ContactCreated(state=state_of(row)), None) for row in rows])
    return rows


async def claim_names(session: AsyncSession, wanted: Sequence[Named]) -> dict[UUID, ExternalIdTaken]:
    """Give contacts, in their order, the external ids that they want; who cannot have them all gets none and is answered.

    Two requests may want the same at once: `claim` decides, so what was free a moment ago can be taken here too.
    """
    wishes = [(contact_id, [ExternalId(**key) for key in keys]) for contact_id, keys in wanted if keys]
    bearers = await find_bearers(session, NOUN, [key for _, keys in wishes for key in keys])
    claims: list[tuple[ExternalId, UUID]] = []
    refused: dict[UUID, ExternalIdTaken] = {}
    for contact_id, keys in wishes:
        refused |= _refusal(contact_id, keys, bearers)
        if contact_id not in refused:
            claims += [(key, contact_id) for key in keys if key not in bearers]
            bearers |= dict.fromkeys(keys, contact_id)
    bearers |= await claim(session, NOUN, claims)
    for contact_id, keys in wishes:
        if contact_id not in refused:
            refused |= _refusal(contact_id, keys, bearers)
    await release(session, NOUN, [(key, contact_id) for key, contact_id in claims if contact_id in refused])
    return refused


def _refusal(contact_id: UUID, keys: Sequence[ExternalId], bearers: Mapping[ExternalId, UUID]) -> dict[UUID, ExternalIdTaken]:
    taken = [(place, bearers[key]) for place, key in enumerate(keys) if bearers.get(key, contact_id) != contact_id]
    errors = [FieldError(f"/external_ids/{place}", "taken", f"The contact {bearer} bears it") for place, bearer in taken]
    return {contact_id: ExternalIdTaken("Another contact bears one of these external ids", errors=errors)} if taken else {}


async def create_contact(session: AsyncSession, body: ContactCreate) -> ContactRead:
    """Create one contact. Raises Invalid, ExternalIdTaken."""
    (answer,) = await create_contacts(session, [body])
    if isinstance(answer, Refusal):
        raise answer
    return ContactRead.model_validate(answer)


async def update_contact(session: AsyncSession, contact_id: UUID, patch: ContactPatch, if_match: str | None) -> Contact:
    """Change fields; where nothing differs nothing is written. Raises NotFound, PreconditionMissing, Stale, Invalid, ExternalIdTaken."""
    contact = await get_contact(session, contact_id, lock=True)
    check_version(contact.version, if_match)
    return await change_contact(session, contact, patch.sent())


async def change_contact(session: AsyncSession, contact: Contact, sent: Values) -> Contact:
    """Lay `sent` (see ContactPatch.sent) over a locked contact and write what differs. Raises Invalid, ExternalIdTaken."""
    present = {name: getattr(contact, name) for name in BLANK}
    values = settled(present, sent, today=now(session).date())
    differing = [name for name in BLANK if values[name] != present[name]]
    if differing:
        if "external_ids" in differing:
            await _rename(session, contact.id, before=present["external_ids"], after=values["external_ids"])
        await points.follow(session, [(contact.id, present, values)])
        for name in differing:
            setattr(contact, name, values[name])
        await record(session, contact, change_told(present, values, state_of(contact)))
    return contact


def change_told(before: Values, after: Values, state: ContactState) -> ContactUpdated | ContactOwnerChanged:
    """The event of a change of fields: a new owner or account team has one of its own, which names the other fields too."""
    if all(before[name] == after[name] for name in ("owner_id", "team_ids")):
        return ContactUpdated(state=state)
    return ContactOwnerChanged(state=state, from_owner_id=before["owner_id"], to_owner_id=after["owner_id"])


async def _rename(session: AsyncSession, contact_id: UUID, *, before: Sequence[dict[str, str]], after: Sequence[dict[str, str]]) -> None:
    refused = await claim_names(session, [(contact_id, after)])
    if refused:
        raise refused[contact_id]
    await release(session, NOUN, [(ExternalId(**key), contact_id) for key in before if key not in after])


async def archive_contact(session: AsyncSession, contact_id: UUID) -> Contact:
    """Hide from lists; an archived contact stays as it is. Raises NotFound."""
    contact = await get_contact(session, contact_id, lock=True)
    if contact.archived_at is None:
        contact.archived_at = now(session)
        await record(session, contact, ContactArchived(state=state_of(contact)))
    return contact


async def restore_contact(session: AsyncSession, contact_id: UUID) -> Contact:
    """Bring back to lists; a contact that is not archived stays as it is. Raises NotFound."""
    contact = await get_contact(session, contact_id, lock=True)
    if contact.archived_at is not None:
        contact.archived_at = None
        await record(session, contact, ContactRestored(state=state_of(contact)))
    return contact


async def assign_contact(session: AsyncSession, contact_id: UUID, body: ContactAssignment) -> Contact:
    """Give a contact another owner or account team; where nothing differs nothing is written. Raises NotFound."""
    return await change_contact(session, await get_contact(session, contact_id, lock=True), body.sent())


async def create_each(session: AsyncSession, bodies: Sequence[ContactCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    answers = await create_contacts(session, bodies)
    return [each if isinstance(each, Refusal) else Outcome(201, each["id"], each["version"]) for each in answers]


async def update_each(session: AsyncSession, contact_id: UUID, patch: ContactPatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    contact = await update_contact(session, contact_id, patch, if_match)
    return Outcome(200, contact.id, contact.version)


async def archive_each(session: AsyncSession, contact_id: UUID) -> Outcome:
    """Archive for a batch."""
    contact = await archive_contact(session, contact_id)
    return Outcome(200, contact.id, contact.version)
