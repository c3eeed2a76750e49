"""Changing things."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from demo_svc.events import ThingArchived, ThingCreated, ThingRestored, ThingState, ThingUpdated, ThingUsed
from services.batch import Outcome, attempt
from services.contracts import ExternalId
from services.database import birth, now
from services.deliveries import Delivery
from services.errors import Refusal
from services.external_ids import claim
from services.identifiers import new_id
from services.merge_patch import apply_patch
from services.outbox import record, record_many
from services.preconditions import check_version

from .models import Thing, ThingTally
from .queries import get_thing
from .rules import check_can_use
from .schemas import ThingCreate, ThingPatch


def state_of(thing: Thing) -> ThingState:
    """The public state of a thing."""
    return ThingState.model_validate(thing)


async def create_things(
    session: AsyncSession,
    things: Sequence[ThingCreate],
    *,
    external_ids: Sequence[ExternalId | None] | None = None,
    ids: Sequence[UUID] | None = None,
) -> list[Thing]:
    """Write new things and their events: one multi-row INSERT each."""
    rows = []
    names = external_ids or [None] * len(things)
    for thing, external, thing_id in zip(things, names, ids or [new_id() for _ in things], strict=True):
        named = [external.model_dump()] if external else []
        rows.append({**birth(session, thing_id), **thing.model_dump(), "status": "new", "external_ids": named})
    if not rows:
        return []
    await session.execute(insert(Thing.__table__), rows)
    made = [Thing(**row) for row in rows]
    await record_many(session, [(thing, ThingCreated(state=state_of(thing)), None) for thing in made])
    return made


async def create_each(session: AsyncSession, things: Sequence[ThingCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    return [Outcome(201, thing.id, thing.version) for thing in await create_things(session, things)]


async def upsert_each(session: AsyncSession, items: Sequence[tuple[ExternalId, ThingCreate]]) -> list[Outcome | Refusal]:
    """Create the things whose external id nobody bears yet; change the others where they differ."""
    fresh = {key: new_id() for key, _ in items}
    bearers = await claim(session, "thing", list(fresh.items()))
    born = {key: (key, thing) for key, thing in reversed(items) if bearers[key] == fresh[key]}
    made = await create_things(session, [t for _, t in born.values()], external_ids=list(born), ids=[fresh[key] for key in born])
    outcomes: dict[ExternalId, Outcome] = {key: Outcome(201, t.id, t.version) for key, t in zip(born, made, strict=True)}
    answers: list[Outcome | Refusal] = []
    for key, thing in items:
        if key in outcomes:
            answers.append(outcomes.pop(key))
            continue
        patch = ThingPatch(**thing.model_dump(exclude_unset=True))
        answers.append(await attempt(session, update_each(session, bearers[key], patch, "*")))
    return answers


async def update_each(session: AsyncSession, thing_id: UUID, patch: ThingPatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    thing = await update_thing(session, thing_id, patch, if_match)
    return Outcome(200, thing.id, thing.version)


async def archive_each(session: AsyncSession, thing_id: UUID) -> Outcome:
    """Archive for a batch."""
    thing = await archive_thing(session, thing_id)
    return Outcome(200, thing.id, thing.version)


async def update_thing(session: AsyncSession, thing_id: UUID, patch: ThingPatch, if_match: str | None) -> Thing:
    """Change fields. Raises NotFound, PreconditionMissing, Stale."""
    thing = await get_thing(session, thing_id, lock=True)
    check_version(thing.version, if_match)
    if apply_patch(thing, patch):
        await record(session, thing, ThingUpdated(state=state_of(thing)))
    return thing


async def use_thing(session: AsyncSession, thing_id: UUID, amount_minor: int) -> Thing:
    """Put a thing to use. Raises NotFound, WrongState."""
    thing = await get_thing(session, thing_id, lock=True)
    check_can_use(thing.status)
    thing.status = "used"
    thing.amount_minor += amount_minor
    await record(session, thing, ThingUsed(state=state_of(thing), by_amount_minor=amount_minor))
    return thing


async def archive_thing(session: AsyncSession, thing_id: UUID) -> Thing:
    """Hide from lists; an archived thing stays as it is. Raises NotFound."""
    thing = await get_thing(session, thing_id, lock=True)
    if thing.archived_at is None:
        thing.archived_at = now(session)
        await record(session, thing, ThingArchived(state=state_of(thing)))
    return thing


async def restore_thing(session: AsyncSession, thing_id: UUID) -> Thing:
    """Bring back to lists. Raises NotFound."""
    thing = await get_thing(session, thing_id, lock=True)
    if thing.archived_at is not None:
        thing.archived_at = None
        await record(session, thing, ThingRestored(state=state_of(thing)))
    return thing


async def on_thing(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    """Note the sequence of every event of each thing, in the order in which it was handled."""
    for delivery in deliveries:
        state = delivery.event.state
        tally = await session.get(ThingTally, state.id)
        if tally is None:
            session.add(ThingTally(thing_id=state.id, tenant_id=delivery.envelope.tenant_id, sequences=[str(delivery.envelope.sequence)]))
        else:
            tally.sequences = [*tally.sequences, str(delivery.envelope.sequence)]
        if isinstance(state, ThingState) and state.label == "poison":
            raise ValueError("this thing cannot be handled")
        await session.flush()
