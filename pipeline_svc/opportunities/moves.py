"""The verbs that move an opportunity through its stages and close it: one and many go the same set-based way."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from pipeline_svc.pipelines.queries import find_pipelines
from pipeline_svc.reasons.queries import find_reasons
from pipeline_svc.reasons.rules import check_can_choose
from services.batch import BatchAnswer, Outcome, answer_of
from services.database import now
from services.errors import NotFound, Refusal, invalid_field
from services.events.pipeline_opportunities import OpportunityLost, OpportunityReopened, OpportunityStageChanged, OpportunityWon
from services.outbox import RecordedTwice, Written, record_many
from services.upserts import Values

from . import rules, timers
from .models import Opportunity, StageEntry
from .queries import lock_opportunities
from .rules import Gate, Step
from .schemas import Lose, LoseOne, Move, MoveOne, OpportunityRead, Reopen, Win, WinOne
from .timers import state_of

MOVED = (
    *("stage_id", "stage_since", "status", "probability_bps", "probability_source"),
    *("closed_at", "reason_id", "stalled_since", "version", "updated_at"),
)
UPDATE = (
    update(Opportunity.__table__)  # type: ignore[arg-type]
    .where(Opportunity.__table__.c.id == bindparam("row_id"))
    .values({name: bindparam(f"new_{name}", type_=Opportunity.__table__.c[name].type) for name in MOVED})
)
Decide = Callable[[Values, Gate], Step | None]
Wanted = tuple[UUID, Decide]
Fact = type[OpportunityStageChanged | OpportunityWon | OpportunityLost | OpportunityReopened]


async def move_opportunity(session: AsyncSession, opportunity_id: UUID, move: Move, *, roles: Sequence[str]) -> OpportunityRead:
    """To another open stage. Raises NotFound, WrongState, Invalid, StageNotAllowed."""
    return await _one(session, OpportunityStageChanged, (opportunity_id, _move(move)), roles=roles)


async def reopen_opportunity(session: AsyncSession, opportunity_id: UUID, reopen: Reopen, *, roles: Sequence[str]) -> OpportunityRead:
    """Closed no more. Raises NotFound, WrongState, Invalid, StageNotAllowed."""

    def decide(row: Values, gate: Gate) -> Step:
        return rules.decide_reopen(row, gate, stage_id=reopen.stage_id, at=reopen.at)

    return await _one(session, OpportunityReopened, (opportunity_id, decide), roles=roles)


async def win_opportunity(session: AsyncSession, opportunity_id: UUID, win: Win, *, roles: Sequence[str]) -> OpportunityRead:
    """Close as won. Raises NotFound, WrongState, Invalid, StageNotAllowed."""
    reasons = await _reasons(session, [win], kind="won")
    return await _one(session, OpportunityWon, (opportunity_id, _close(win, "won", reasons)), roles=roles)


async def lose_opportunity(session: AsyncSession, opportunity_id: UUID, lose: Lose, *, roles: Sequence[str]) -> OpportunityRead:
    """Close as lost, for a reason. Raises NotFound, WrongState, Invalid, StageNotAllowed."""
    reasons = await _reasons(session, [lose], kind="lost")
    return await _one(session, OpportunityLost, (opportunity_id, _close(lose, "lost", reasons)), roles=roles)


async def move_opportunities(session: AsyncSession, items: Sequence[MoveOne], *, roles: Sequence[str]) -> BatchAnswer:
    """Move many, each with an answer of its own."""
    return await _many(session, OpportunityStageChanged, [(item.id, _move(item)) for item in items], roles=roles)


async def win_opportunities(session: AsyncSession, items: Sequence[WinOne], *, roles: Sequence[str]) -> BatchAnswer:
    """Close many as won, each with an answer of its own."""
    reasons = await _reasons(session, items, kind="won")
    return await _many(session, OpportunityWon, [(item.id, _close(item, "won", reasons)) for item in items], roles=roles)


async def lose_opportunities(session: AsyncSession, items: Sequence[LoseOne], *, roles: Sequence[str]) -> BatchAnswer:
    """Close many as lost, each with an answer of its own."""
    reasons = await _reasons(session, items, kind="lost")
    return await _many(session, OpportunityLost, [(item.id, _close(item, "lost", reasons)) for item in items], roles=roles)


def _move(move: Move) -> Decide:
    return lambda row, gate: rules.decide_move(row, gate, stage_id=move.stage_id, at=move.at)


def _close(body: Win | Lose, kind: Any, refused: dict[UUID, Refusal]) -> Decide:
    def decide(row: Values, gate: Gate) -> Step:
        rules.check_fits("win" if kind == "won" else "lose", row["status"])
        if body.reason_id in refused:
            raise refused[body.reason_id]
        end = partial(rules.decide_close, row, gate, kind=kind, stage_id=body.stage_id, at=body.at)
        return end(reason_id=body.reason_id, competitor_id=body.competitor_id)

    return decide


async def _reasons(session: AsyncSession, bodies: Sequence[Win | Lose], *, kind: str) -> dict[UUID, Refusal]:
    """Those of the reasons that may not be chosen, each with why."""
    wanted = {body.reason_id for body in bodies if body.reason_id is not None}
    known = await find_reasons(session, wanted)
    refused: dict[UUID, Refusal] = {}
    for reason_id in wanted:
        if reason_id not in known:
            refused[reason_id] = invalid_field("/reason_id", "unknown_reason", f"There is no reason {reason_id}")
            continue
        try:
            check_can_choose(known[reason_id].kind, known[reason_id].status, wanted=kind, pointer="/reason_id")
        except Refusal as refusal:
            refused[reason_id] = refusal
    return refused


async def _one(session: AsyncSession, fact: Fact, wanted: Wanted, *, roles: Sequence[str]) -> OpportunityRead:
    (answer,) = await _carry_out(session, fact, [wanted], roles=roles)
    if isinstance(answer, Refusal):
        raise answer
    return OpportunityRead.model_validate(answer)


async def _many(session: AsyncSession, fact: Fact, wanted: Sequence[Wanted], *, roles: Sequence[str]) -> BatchAnswer:
    answers = await _carry_out(session, fact, wanted, roles=roles)
    return answer_of(
        [each if isinstance(each, Refusal) else Outcome(200, each["id"], each["version"]) for each in answers], place="/items/{}"
    )


async def _carry_out(session: AsyncSession, fact: Fact, wanted: Sequence[Wanted], *, roles: Sequence[str]) -> list[Values | Refusal]:
    """Lock the opportunities in the order of their ids, decide for each, and write what was decided: rows, histories, events, timers."""
    rows = await lock_opportunities(session, [opportunity_id for opportunity_id, _ in wanted])
    pipelines = await find_pipelines(session, {row["pipeline_id"] for row in rows.values()})
    at = now(session)
    answers: list[Values | Refusal] = []
    done: dict[UUID, tuple[Values, Values, Step]] = {}
    for opportunity_id, decide in wanted:
        try:
            if opportunity_id in done:
                raise RecordedTwice("Another item of this request changes the same opportunity")
            if opportunity_id not in rows:
                raise NotFound(f"There is no opportunity {opportunity_id}")
            row = rows[opportunity_id]
            step = decide(row, Gate(pipelines[row["pipeline_id"]].stages, roles, at))
            if step is not None:
                done[opportunity_id] = row, _after(row, step, at), step
            answers.append(done[opportunity_id][1] if step else row)
        except Refusal as refusal:
            answers.append(refusal)
    await _write(session, fact, list(done.values()))
    await timers.watch(session, [after for _, after, _ in done.values()], pipelines)
    return answers


def _after(row: Values, step: Step, at: datetime) -> Values:
    return row | step.changes | {"version": row["version"] + 1, "updated_at": max(at, row["updated_at"])}


async def _write(session: AsyncSession, fact: Fact, done: Sequence[tuple[Values, Values, Step]]) -> None:
    if not done:
        return
    await session.execute(UPDATE, [{"row_id": row["id"]} | {f"new_{name}": after[name] for name in MOVED} for row, after, _ in done])
    entries = [timers.entry_of(after, from_stage_id=row["stage_id"]) for row, after, _ in done]
    await session.execute(insert(StageEntry.__table__), entries)  # type: ignore[arg-type]
    facts = []
    for row, after, step in done:
        changed = sorted(name for name in step.changes if after[name] != row[name])
        event = fact.model_validate({"state": state_of(after), "changed": changed, **step.special})
        facts.append((Written(after["id"], after["version"], after["partition_key"], after["updated_at"]), event, step.at))
    await record_many(session, facts)
