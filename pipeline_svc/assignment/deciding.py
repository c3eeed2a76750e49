"""Deciding whose something is: the first active rule that fits asks its strategy, and the turns move on."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services import references
from services.database import context_of, now
from services.events.pipeline_opportunities import AssignmentReason
from services.filters import Bindings, Record, compile_predicate, parse_filter
from services.references import ContactReference
from services.tenants import get_tenant

from . import rules
from .models import AssignmentRule, AssignmentTurn
from .queries import PUBLIC, SUBJECT_FIELDS, count_open, find_standings, list_active_rules, lock_assignees
from .schemas import Assignment

LIKELIHOOD = {"leads": "score_bps", "opportunities": "probability_bps"}
"""The field of each noun that says how likely it becomes a sale."""

NO_RULE = [AssignmentReason(code="no_rule_fits")]
NO_ROOM = [AssignmentReason(code="nobody_has_room")]


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that needs an owner: its public fields, and how likely it is to become a sale where that is known."""

    id: UUID
    contact_id: UUID | None
    fields: Record
    probability_bps: int | None = None


def piece_of(noun: str, row: Mapping[str, Any]) -> Piece:
    """A record of a noun as rules look at it: its public fields alone."""
    return Piece(row["id"], row["contact_id"], {name: row[name] for name in PUBLIC[noun]}, row[LIKELIHOOD[noun]])


async def decide_owner(session: AsyncSession, noun: str, piece: Piece) -> tuple[UUID, Assignment]:
    """Whose one piece is to be, and why. Raises NobodyFits."""
    assignment = (await decide_owners(session, noun, [piece]))[piece.id]
    if assignment.owner_id is None:
        raise rules.NobodyFits(f"The assignment rules name nobody: {assignment.reasons[0].code}")
    return assignment.owner_id, assignment


async def decide_owners(session: AsyncSession, noun: str, pieces: Sequence[Piece], *, dry_run: bool = False) -> dict[UUID, Assignment]:
    """Whose each piece is to be. The users concerned are held until the transaction ends; a dry run holds nobody and moves nothing."""
    active = await list_active_rules(session, noun)
    if not active or not pieces:
        return {piece.id: _nobody(piece.id, None, NO_RULE) for piece in pieces}
    known = await references.find_references(session, [piece.contact_id for piece in pieces if piece.contact_id])
    consents = await references.find_consents(session, known)
    records = {piece.id: _record(piece, known, consents) for piece in pieces}
    at = now(session).astimezone(ZoneInfo((await get_tenant(session)).time_zone))
    fitting = _fitting(noun, active, records, at=at)
    users = {UUID(target["user_id"]) for rule in active if rule.id in fitting for target in rule.targets}
    if users and not dry_run:
        await lock_assignees(session, users)
    open_work = dict.fromkeys(users, 0) | await count_open(session, noun, users)
    by_id = {piece.id: piece for piece in pieces}
    answers = {piece.id: _nobody(piece.id, None, NO_RULE) for piece in pieces}
    for rule in active:
        mine = [by_id[piece_id] for piece_id in fitting.get(rule.id, ())]
        scores = [(piece.id, _score(piece, known)) for piece in mine]
        before = await find_standings(session, rule.id, open_work) if mine else {}
        choices, after = rules.choose_all(_policy(rule), before, scores)
        open_work |= {user_id: standing.open for user_id, standing in after.items()}
        answers |= {piece_id: _assignment(piece_id, rule.id, choice) for piece_id, choice in choices.items()}
        if not dry_run:
            await _move_turns(session, rule.id, {user: after[user].given - before[user].given for user in after})
    return answers


def _fitting(noun: str, active: Sequence[AssignmentRule], records: Mapping[UUID, Record], *, at: datetime) -> dict[UUID, list[UUID]]:
    """The pieces that each rule gives out: the first rule that a piece passes has it."""
    bindings = Bindings(None, at)
    passes = {rule.id: compile_predicate(parse_filter(rule.filter), SUBJECT_FIELDS[noun], bindings) for rule in active}
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for piece_id, record in records.items():
        first = next((rule_id for rule_id, test in passes.items() if test(record)), None)
        if first is not None:
            found[first].append(piece_id)
    return found


def _record(piece: Piece, known: Mapping[UUID, ContactReference], consents: Mapping[UUID, Sequence[references.ConsentReference]]) -> Record:
    reference = known.get(piece.contact_id) if piece.contact_id else None
    if reference is None:
        return piece.fields
    return {**references.as_record(reference, consents.get(reference.contact_id, ())), **piece.fields}


def _score(piece: Piece, known: Mapping[UUID, ContactReference]) -> rules.Score | None:
    """P × value. A piece that says nothing of its own chance counts whole: lifetime value holds already that a customer may stay away."""
    reference = known.get(piece.contact_id) if piece.contact_id else None
    if reference is None or reference.lifetime_value_minor is None:
        return None
    return rules.Score(reference.lifetime_value_minor, rules.ALL if piece.probability_bps is None else piece.probability_bps)


def _policy(rule: AssignmentRule) -> rules.Policy:
    targets = [rules.Target(UUID(each["user_id"]), each["weight"], each["seniority"], each["capacity"]) for each in rule.targets]
    return rules.Policy(rule.strategy, targets, rule.max_share_bps)


def _assignment(piece_id: UUID, rule_id: UUID, choice: rules.Choice | None) -> Assignment:
    if choice is None:
        return _nobody(piece_id, rule_id, NO_ROOM)
    reasons = [AssignmentReason(code=code, number=None if number is None else str(number)) for code, number in choice.reasons]
    return Assignment(id=piece_id, owner_id=choice.user_id, rule_id=rule_id, reasons=reasons)


def _nobody(piece_id: UUID, rule_id: UUID | None, reasons: list[AssignmentReason]) -> Assignment:
    return Assignment(id=piece_id, owner_id=None, rule_id=rule_id, reasons=reasons)


async def _move_turns(session: AsyncSession, rule_id: UUID, given: Mapping[UUID, int]) -> None:
    tenant_id = context_of(session).tenant_id
    rows = [{"tenant_id": tenant_id, "rule_id": rule_id, "user_id": user, "given": n} for user, n in sorted(given.items()) if n]
    if rows:
        statement = insert(AssignmentTurn).values(rows)
        moved = {"given": AssignmentTurn.given + statement.excluded.given}
        keys = [AssignmentTurn.tenant_id, AssignmentTurn.rule_id, AssignmentTurn.user_id]
        await session.execute(statement.on_conflict_do_update(index_elements=keys, set_=moved))
