"""Creates and upserts of records that bear external ids: who is born, who is known already, and who may not have the name it wants."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import Outcome, attempt
from services.contracts import ExternalId
from services.errors import Conflict, Refusal
from services.external_ids import claim, release
from services.identifiers import new_id

Values = dict[str, Any]
"""The row of a record, as it is written."""


class Named(Protocol):
    """The body of a create, as far as it is looked at here."""

    external_ids: list[ExternalId]

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self: ...


Body = TypeVar("Body", bound=Named)
Birth = tuple[UUID, Body]
Write = Callable[[AsyncSession, Sequence[Birth[Body]]], Awaitable[Mapping[UUID, Values | Refusal]]]
"""Writes records under given ids and their events, set-based; answers the row or the refusal of each."""
Change = Callable[[AsyncSession, UUID, Body], Awaitable[Outcome]]
"""Changes a known record where what is sent differs."""


class ExternalIdTaken(Conflict):
    """Another record of the tenant bears this external id."""

    code = "external_id_taken"


async def create_named(session: AsyncSession, noun: str, bodies: Sequence[Body], *, write: Write[Body]) -> list[Values | Refusal]:
    """Write new records and give them their external ids. One that is refused leaves nothing, and the others stand."""
    births = [(new_id(), body) for body in bodies]
    bearers = await claim(session, noun, [(key, record_id) for record_id, body in births for key in body.external_ids])
    return await _write(session, noun, births, bearers=bearers, write=write)


async def create_one(session: AsyncSession, noun: str, body: Body, *, write: Write[Body]) -> Values:
    """The row of one new record. Raises ExternalIdTaken and whatever `write` refuses."""
    (answer,) = await create_named(session, noun, [body], write=write)
    if isinstance(answer, Refusal):
        raise answer
    return answer


async def upsert_named(
    session: AsyncSession, noun: str, items: Sequence[tuple[ExternalId, Body]], *, write: Write[Body], change: Change[Body]
) -> list[Outcome | Refusal]:
    """Create the records whose external id nobody bears yet, set-based, and hold the others against what is sent, in the order of ids.

    Further external ids in a body are added, never taken away. Who comes second under a key that was refused shares the answer.
    """
    births = [(new_id(), body.model_copy(update={"external_ids": list(dict.fromkeys([key, *body.external_ids]))})) for key, body in items]
    bearers = await claim(session, noun, [(body.external_ids[0], record_id) for record_id, body in births])
    fresh = [(record_id, body) for record_id, body in births if bearers[body.external_ids[0]] == record_id]
    bearers |= await claim(session, noun, [(key, record_id) for record_id, body in fresh for key in body.external_ids[1:]])
    made = await _write(session, noun, fresh, bearers=bearers, write=write)
    answers = {record_id: outcome_of(answer) for (record_id, _), answer in zip(fresh, made, strict=True)}
    bearing = [bearers[body.external_ids[0]] for _, body in births]
    for (record_id, body), bearer in sorted(zip(births, bearing, strict=True), key=lambda pair: pair[1]):
        if bearer == record_id:
            continue
        first = answers.get(bearer)
        answers[record_id] = first if isinstance(first, Refusal) else await attempt(session, change(session, bearer, body))
    return [answers[record_id] for record_id, _ in births]


async def rename(session: AsyncSession, noun: str, record_id: UUID, *, before: Sequence[Values], after: Sequence[Values]) -> None:
    """Give a record the external ids `after` instead of those `before`. Raises ExternalIdTaken."""
    old, new = {ExternalId(**key) for key in before}, {ExternalId(**key) for key in after}
    bearers = await claim(session, noun, [(key, record_id) for key in new - old])
    _check_bears(record_id, list(new - old), bearers)
    await release(session, noun, [(key, record_id) for key in old - new])


def patch_of(body: Any, patch: type[Body], known: Sequence[Values]) -> Body:
    """The patch that an upsert means: the fields that it sent, its external ids added to those that are `known`."""
    sent = body.model_fields_set & patch.model_fields.keys()  # type: ignore[attr-defined]
    values = {name: getattr(body, name) for name in sent}
    values["external_ids"] = list(dict.fromkeys([*(ExternalId(**key) for key in known), *body.external_ids]))
    return patch.model_construct(set(values), **values)  # type: ignore[attr-defined, no-any-return]


def outcome_of(answer: Values | Refusal) -> Outcome | Refusal:
    """What a batch answers for a record that was to be born."""
    return answer if isinstance(answer, Refusal) else Outcome(201, answer["id"], answer["version"])


async def _write(
    session: AsyncSession, noun: str, births: Sequence[Birth[Body]], *, bearers: Mapping[ExternalId, UUID], write: Write[Body]
) -> list[Values | Refusal]:
    answers: dict[UUID, Values | Refusal] = {}
    free = []
    for record_id, body in births:
        try:
            _check_bears(record_id, body.external_ids, bearers)
            free.append((record_id, body))
        except Refusal as refusal:
            answers[record_id] = refusal
    if free:
        answers |= await write(session, free)
    refused = {record_id for record_id, answer in answers.items() if isinstance(answer, Refusal)}
    await release(session, noun, [(key, bearer) for key, bearer in bearers.items() if bearer in refused])
    return [answers[record_id] for record_id, _ in births]


def _check_bears(record_id: UUID, keys: Sequence[ExternalId], bearers: Mapping[ExternalId, UUID]) -> None:
    for key in keys:
        if bearers[key] != record_id:
            raise ExternalIdTaken(f"{bearers[key]} bears {key.source}/{key.id} already")
