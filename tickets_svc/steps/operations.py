"""Taking many steps in one transaction, each with an answer of its own."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import BatchAnswer, BatchResult, Outcome, attempt
from services.errors import Refusal
from services.external_ids import claim, release
from services.identifiers import new_id
from services.problems import Problem, invalid_from, problem_of
from tickets_svc.messages.operations import post_message
from tickets_svc.messages.schemas import MessageCreate
from tickets_svc.tickets import movements
from tickets_svc.tickets.queries import get_ticket
from tickets_svc.tickets.schemas import Assignment, Escalation, Moment, Waiting

from .schemas import Step, Steps

NOUN = "step"
TAKEN, KNOWN = 201, 200
Take = Callable[[AsyncSession, UUID, BaseModel, UUID | None], Awaitable[object]]


async def take_steps(session: AsyncSession, body: Steps, *, me: UUID | None) -> BatchAnswer:
    """Take each step in a savepoint; 201 for one that is taken now, 200 for one that was taken before.

    The keys are claimed together, before anything is done, and those of refused steps are free again at the end.
    """
    marks = [new_id() for _ in body.steps]
    claims = [(step.key, mark) for step, mark in zip(body.steps, marks, strict=True) if step.key is not None]
    bearers = await claim(session, NOUN, claims)
    answers: list[Outcome | Refusal] = []
    for index, (step, mark) in enumerate(zip(body.steps, marks, strict=True)):
        is_known = step.key is not None and bearers[step.key] != mark
        answers.append(await attempt(session, _known(session, step) if is_known else _take(session, step, index, me=me)))
    refused = {mark for mark, answer in zip(marks, answers, strict=True) if isinstance(answer, Refusal)}
    await release(session, NOUN, [(key, mark) for key, mark in claims if mark in refused])
    results = [_result(index, answer) for index, answer in enumerate(answers)]
    return BatchAnswer(accepted=len(results) - len(refused), rejected=len(refused), results=results)


async def _known(session: AsyncSession, step: Step) -> Outcome:
    ticket = await get_ticket(session, step.ticket_id)
    return Outcome(KNOWN, ticket.id, ticket.version)


async def _take(session: AsyncSession, step: Step, index: int, *, me: UUID | None) -> Outcome:
    """Answers the ticket and its version. Raises what the verb raises."""
    ticket = await get_ticket(session, step.ticket_id)
    schema, take = VERBS[step.verb]
    try:
        data = schema.model_validate(step.data)
    except ValidationError as error:
        raise invalid_from(error, prefix=f"/steps/{index}/data") from error
    await take(session, step.ticket_id, data, me)
    return Outcome(TAKEN, ticket.id, ticket.version)


def _result(index: int, answer: Outcome | Refusal) -> BatchResult:
    if isinstance(answer, Refusal):
        problem = Problem.model_validate(problem_of(answer))
        return BatchResult(index=index, status=problem.status, problem=problem)
    return BatchResult(index=index, status=answer.status, id=answer.id, version=answer.version)


async def _assign(session: AsyncSession, ticket_id: UUID, data: BaseModel, me: UUID | None) -> None:
    assert isinstance(data, Assignment)
    await movements.assign_ticket(session, ticket_id, data.assignee_id or me, at=data.at)


async def _escalate(session: AsyncSession, ticket_id: UUID, data: BaseModel, _me: UUID | None) -> None:
    assert isinstance(data, Escalation)
    await movements.escalate_ticket(session, ticket_id, data)


async def _wait(session: AsyncSession, ticket_id: UUID, data: BaseModel, _me: UUID | None) -> None:
    assert isinstance(data, Waiting)
    await movements.wait_with_ticket(session, ticket_id, data)


async def _message(session: AsyncSession, ticket_id: UUID, data: BaseModel, me: UUID | None) -> None:
    assert isinstance(data, MessageCreate)
    await post_message(session, ticket_id, data, me=me)


def _moment(verb: Callable[..., Awaitable[object]]) -> Take:
    async def take(session: AsyncSession, ticket_id: UUID, data: BaseModel, _me: UUID | None) -> None:
        assert isinstance(data, Moment)
        await verb(session, ticket_id, at=data.at)

    return take


VERBS: dict[str, tuple[type[BaseModel], Take]] = {
    "assign": (Assignment, _assign),
    "escalate": (Escalation, _escalate),
    "wait": (Waiting, _wait),
    "continue": (Moment, _moment(movements.continue_ticket)),
    "resolve": (Moment, _moment(movements.resolve_ticket)),
    "reopen": (Moment, _moment(movements.reopen_ticket)),
    "message": (MessageCreate, _message),
}
"""What each verb takes, and who carries it out."""
