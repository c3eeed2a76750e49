"""Asking for consents, one or many by the same set-based steps: whoever is asked the second time has the same consent as before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from contacts_svc.consent_purposes.models import ConsentPurpose
from contacts_svc.consent_purposes.queries import find_purposes
from contacts_svc.consent_purposes.rules import check_may_ask
from contacts_svc.contacts.models import Contact
from services.batch import BatchVerbs, Outcome
from services.contracts import ExternalId
from services.database import birth, context_of, now
from services.errors import Invalid, Refusal, invalid_field
from services.events.contacts import ConsentGranted, ConsentRequested
from services.identifiers import new_id
from services.outbox import RecordedTwice
from services.wire import Input

from . import rules
from .models import Consent
from .operations import Move, Values, granted_values, lock_consents, moved, state_of, tell, withdrawn_at, words, write_moves
from .queries import PLACE
from .schemas import ConsentCreate

Place = tuple[UUID, str, str, UUID | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of one ask: its status (201 new, 200 changed or as it was) and the consent's row."""

    status: int
    row: Values


@dataclass(frozen=True, slots=True)
class _Known:
    """What the items of a batch name: their purposes by key, and the languages of their contacts by id."""

    purposes: Mapping[str, ConsentPurpose]
    languages: Mapping[UUID, str | None]


async def ask_consents(session: AsyncSession, bodies: Sequence[ConsentCreate]) -> list[Asked | Refusal]:
    """Write the consents that there are not and move those that there are, set-based: a new one is born as it is asked for, one that stands
    so already stays as it is, and any other moves where the verb fits. A consent changes once in a batch.
    """
    known = await _know(session, bodies)
    answers: dict[int, Asked | Refusal] = {}
    wanted: dict[int, tuple[Place, Values]] = {}
    for index, body in enumerate(bodies):
        try:
            wanted[index] = _place(body), _wanted(session, body, known)
        except Refusal as refusal:
            answers[index] = refusal
    answers |= await _bear(session, wanted)
    answers |= await _move(session, {index: bodies[index] for index in wanted.keys() - answers.keys()}, known, answers)
    return [answers[index] for index in range(len(bodies))]


async def _know(session: AsyncSession, bodies: Sequence[ConsentCreate]) -> _Known:
    contacts = select(Contact.id, Contact.language).where(Contact.id.in_({body.contact_id for body in bodies}))
    languages = {row.id: row.language for row in await session.execute(contacts)}
    return _Known(await find_purposes(session, {body.purpose for body in bodies}), languages)


def _place(body: ConsentCreate) -> Place:
    return body.contact_id, body.purpose, body.channel, body.topic_id


def _wanted(session: AsyncSession, body: ConsentCreate, known: _Known, row: Values | None = None) -> Values:
    """What an ask writes, into `row` where there is one. Raises Invalid, NewProofNeeded."""
    if body.contact_id not in known.languages:
        raise invalid_field("/contact_id", "unknown_contact", f"There is no contact {body.contact_id}")
    purpose = known.purposes.get(body.purpose)
    if purpose is None:
        raise invalid_field("/purpose", "unknown_purpose", f"There is no consent purpose '{body.purpose}'")
    check_may_ask(purpose.channels, body.channel, archived=purpose.archived_at is not None)
    at, language = now(session), known.languages[body.contact_id]
    if body.status == "granted":
        since = withdrawn_at(row) if row is not None else None
        return granted_values(body, purpose, language, now=at, since=since) | {"status": "granted"}
    rules.check_request(is_proved=body.proof is not None, has_end=body.expires_at is not None)
    waiting = {"status": "pending", "proof": None, "expires_at": None, "due_at": at + rules.CONFIRM_WITHIN}
    return words(body, purpose, language) | waiting


async def _bear(session: AsyncSession, wanted: Mapping[int, tuple[Place, Values]]) -> dict[int, Asked | Refusal]:
    """Write the first ask of each place that no consent stands at; who comes at the same time finds it there."""
    tenant_id = context_of(session).tenant_id
    births: dict[Place, tuple[int, Values]] = {}
    for index, (place, values) in wanted.items():
        row = {**birth(session, new_id(), partition_key=f"{tenant_id}:{place[0]}"), **dict(zip(PLACE, place, strict=True)), **values}
        births.setdefault(place, (index, row))
    if not births:
        return {}
    rows = sorted((row for _, row in births.values()), key=lambda row: tuple(str(row[name]) for name in PLACE))
    born = set(await session.scalars(insert(Consent).values(rows).on_conflict_do_nothing().returning(Consent.id)))
    made = [row for row in rows if row["id"] in born]
    await tell(session, [(row, _fact(row)) for row in made])
    return {index: Asked(201, row) for index, row in births.values() if row["id"] in born}


async def _move(
    session: AsyncSession, asks: Mapping[int, ConsentCreate], known: _Known, answered: Mapping[int, Asked | Refusal]
) -> dict[int, Asked | Refusal]:
    """Move the consents that stood there before, each once."""
    if not asks:
        return {}
    locked = await lock_consents(session, Consent.contact_id.in_({body.contact_id for body in asks.values()}))
    rows = {tuple(row[name] for name in PLACE): row for row in locked}
    changed = {each.row["id"] for each in answered.values() if isinstance(each, Asked)}
    answers: dict[int, Asked | Refusal] = {}
    moves: list[Move] = []
    for index, body in sorted(asks.items()):
        row = rows[_place(body)]
        try:
            after = _after(session, body, row, known, changed)
        except Refusal as refusal:
            answers[index] = refusal
            continue
        answers[index] = Asked(200, after)
        if after is not row:
            moves.append((row, after, _fact(after)))
            changed.add(row["id"])
            rows[_place(body)] = after
    await write_moves(session, moves)
    return answers


def _after(session: AsyncSession, body: ConsentCreate, row: Values, known: _Known, changed: set[UUID]) -> Values:
    """The row after an ask: itself where it stands so already. Raises WrongState, RecordedTwice, Invalid, NewProofNeeded."""
    if row["status"] == body.status:
        return row
    if row["id"] in changed:
        raise RecordedTwice("Another item of this batch changes the same consent")
    rules.check_move("request" if body.status == "pending" else "grant", row["status"])
    return moved(session, row, **_wanted(session, body, known, row))


def _fact(row: Values) -> ConsentRequested | ConsentGranted:
    if row["status"] == "pending":
        return ConsentRequested(state=state_of(row), confirm_by=row["due_at"])
    return ConsentGranted(state=state_of(row))


async def ask_consent(session: AsyncSession, body: ConsentCreate) -> tuple[int, Consent]:
    """Ask for one consent: the status (201 new, 200) and the consent. Raises Invalid, WrongState, NewProofNeeded."""
    (answer,) = await ask_consents(session, [body])
    if isinstance(answer, Refusal):
        raise answer
    return answer.status, Consent(**answer.row)


class NoFields(Input):
    """A consent has no field that a patch could change: it is moved by its verbs."""


async def ask_each(session: AsyncSession, bodies: Sequence[ConsentCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    answers = await ask_consents(session, bodies)
    return [each if isinstance(each, Refusal) else Outcome(each.status, each.row["id"], each.row["version"]) for each in answers]


async def upsert_each(_session: AsyncSession, items: Sequence[tuple[ExternalId, ConsentCreate]]) -> list[Outcome | Refusal]:
    """Refuses: a consent is known by its contact, purpose, channel and topic, and `create` finds it there."""
    return [_only_create("upsert") for _ in items]


async def update_each(_session: AsyncSession, _consent_id: UUID, _patch: NoFields, _if_match: str | None) -> Outcome:
    """Refuses, as `upsert_each` does."""
    raise _only_create("update")


async def archive_each(_session: AsyncSession, _consent_id: UUID) -> Outcome:
    """Refuses: what somebody agreed to or took back is never hidden."""
    raise _only_create("archive")


def _only_create(op: str) -> Invalid:
    return invalid_field("/op", "not_for_consents", f"A batch of consents takes 'create', which finds the one that is there; not '{op}'")


BATCH = BatchVerbs(ConsentCreate, NoFields, ask_each, upsert_each, update_each, archive_each)
