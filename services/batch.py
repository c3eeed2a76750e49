"""Batches: up to 500 operations in one request and one transaction, each item with an answer of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from services.contracts import ExternalId
from services.errors import Invalid, Refusal, invalid_field
from services.problems import Problem, invalid_from, problem_of, refusal_from_database

Create = TypeVar("Create", bound=BaseModel)
Patch = TypeVar("Patch", bound=BaseModel)
MAX_OPERATIONS = 500


class BatchOperation(BaseModel):
    """One operation. `data` is what the single operation takes; `key` names the record of an upsert by an external id."""

    model_config = ConfigDict(extra="forbid")
    op: Literal["create", "update", "upsert", "archive"]
    id: UUID | None = None
    key: ExternalId | None = None
    if_match: int | None = Field(None, ge=1, le=2**53)
    data: dict[str, Any] = Field(default_factory=dict)


class BatchRequest(BaseModel):
    """Operations in their order; `atomic` makes it all or nothing."""

    model_config = ConfigDict(extra="forbid")
    operations: list[BatchOperation] = Field(min_length=1, max_length=MAX_OPERATIONS)
    atomic: bool = False


class BatchResult(BaseModel):
    """What became of one operation: the status that the single operation would have had."""

    index: int
    status: int
    id: UUID | None = None
    version: int | None = None
    problem: Problem | None = None


class BatchAnswer(BaseModel):
    """The results in the order of the operations."""

    accepted: int
    rejected: int
    results: list[BatchResult]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a capability answers for one item: 201 new, 200 changed or unchanged."""

    status: int
    id: UUID
    version: int


SetWriter = Callable[[AsyncSession, Sequence[Any]], Awaitable[Sequence[Outcome | Refusal]]]


@dataclass(frozen=True)
class BatchVerbs(Generic[Create, Patch]):
    """How a noun carries out the four operations. Creates and upserts are written set-based; an item it refuses is answered with
    the refusal, and the others stand.
    """

    create_schema: type[Create]
    patch_schema: type[Patch]
    create: Callable[[AsyncSession, Sequence[Create]], Awaitable[Sequence[Outcome | Refusal]]]
    upsert: Callable[[AsyncSession, Sequence[tuple[ExternalId, Create]]], Awaitable[Sequence[Outcome | Refusal]]]
    update: Callable[[AsyncSession, UUID, Patch, str | None], Awaitable[Outcome]]
    archive: Callable[[AsyncSession, UUID], Awaitable[Outcome]]


async def run_batch(session: AsyncSession, request: BatchRequest, verbs: BatchVerbs[Create, Patch]) -> BatchAnswer:
    """Carry out `request`: creates, then upserts, each set-based, then the others one by one in a savepoint each.

    Raises Invalid (and so changes nothing) when `atomic` is asked and any item is refused.
    """
    answers: dict[int, Outcome | Refusal] = {}
    creates: list[tuple[int, Create]] = []
    upserts: list[tuple[int, tuple[ExternalId, Create]]] = []
    singles: list[tuple[int, BatchOperation]] = []
    for index, operation in enumerate(request.operations):
        try:
            if operation.op == "create":
                creates.append((index, _parse(verbs.create_schema, operation.data, index)))
            elif operation.op == "upsert":
                upserts.append((index, (_key(operation, index), _parse(verbs.create_schema, operation.data, index))))
            else:
                singles.append((index, operation))
        except Refusal as refusal:
            answers[index] = refusal
    await _write_set(session, creates, verbs.create, answers)
    await _write_set(session, upserts, verbs.upsert, answers)
    for index, operation in singles:
        answers[index] = await _write_single(session, index, operation, verbs=verbs)
    answer = answer_of([answers[index] for index in range(len(request.operations))])
    if answer.rejected and request.atomic:
        raise _all_or_nothing(answers)
    return answer


def answer_of(answers: Sequence[Outcome | Refusal], *, place: str = "/operations/{}/data") -> BatchAnswer:
    """The answer for items in their order; `place` says where in the body the fields of item {} stand, for the pointers of problems."""
    results = [_result(index, answer, place.format(index)) for index, answer in enumerate(answers)]
    rejected = sum(result.problem is not None for result in results)
    return BatchAnswer(accepted=len(results) - rejected, rejected=rejected, results=results)


async def _write_set(
    session: AsyncSession, items: Sequence[tuple[int, Any]], write: SetWriter, answers: dict[int, Outcome | Refusal]
) -> None:
    if items:
        written = await write(session, [item for _, item in items])
        answers.update(zip((index for index, _ in items), written, strict=True))


async def _write_single(session: AsyncSession, index: int, operation: BatchOperation, *, verbs: BatchVerbs[Any, Any]) -> Outcome | Refusal:
    if operation.id is None:
        return invalid_field(f"/operations/{index}/id", "missing", f"{operation.op} needs an id")
    if operation.op == "archive":
        return await attempt(session, verbs.archive(session, operation.id))
    try:
        patch = _parse(verbs.patch_schema, operation.data, index)
    except Refusal as refusal:
        return refusal
    if_match = str(operation.if_match) if operation.if_match is not None else None
    return await attempt(session, verbs.update(session, operation.id, patch, if_match))


async def attempt(session: AsyncSession, change: Awaitable[Outcome]) -> Outcome | Refusal:
    """Carry out one item's change in a savepoint; a refusal undoes it and is the item's answer."""
    try:
        async with savepoint(session):
            return await change
    except Refusal as refusal:
        return refusal
    except DBAPIError as error:
        found = refusal_from_database(error)
        if found is None:
            raise
        return found


@asynccontextmanager
async def savepoint(session: AsyncSession) -> AsyncIterator[None]:
    """A part of the transaction that can fail alone; what it recorded is forgotten with it."""
    recorded = set(session.info.get("recorded", ()))
    try:
        async with session.begin_nested():
            yield
    except BaseException:
        session.info["recorded"] = recorded
        session.info.pop("recording", None)
        raise


def _parse(schema: type[Create], data: dict[str, Any], index: int) -> Create:
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        raise invalid_from(error, prefix=f"/operations/{index}/data") from error


def _key(operation: BatchOperation, index: int) -> ExternalId:
    if operation.key is None:
        raise invalid_field(f"/operations/{index}/key", "missing", "upsert needs a key {source, id}")
    return operation.key


def _result(index: int, answer: Outcome | Refusal, place: str) -> BatchResult:
    if isinstance(answer, Refusal):
        problem = Problem.model_validate(problem_of(answer))
        for error in problem.errors:
            error.pointer = _pointer_into_batch(error.pointer, index, place)
        return BatchResult(index=index, status=problem.status, problem=problem)
    return BatchResult(index=index, status=answer.status, id=answer.id, version=answer.version)


def _pointer_into_batch(pointer: str, index: int, place: str) -> str:
    """A capability points into the item that it was given; the caller of a batch wants to know where in the batch that is."""
    is_inside = pointer.startswith("/") and not pointer.startswith(f"/operations/{index}/")
    return f"{place}{pointer}" if is_inside else pointer


def _all_or_nothing(answers: dict[int, Outcome | Refusal]) -> Invalid:
    refused = [(index, answer) for index, answer in sorted(answers.items()) if isinstance(answer, Refusal)]
    found = [invalid_field(f"/operations/{index}", refusal.code, refusal.detail).errors[0] for index, refusal in refused]
    return Invalid(f"{len(refused)} of {len(answers)} operations were refused, so none was carried out", code="batch_refused", errors=found)


async def refuse_upserts(_session: AsyncSession, items: Sequence[tuple[ExternalId, Any]]) -> list[Outcome | Refusal]:
    """The upserts of a noun whose records bear no external ids."""
    return [Invalid("Records of this noun bear no external ids: create or update them", code="no_external_ids") for _ in items]
