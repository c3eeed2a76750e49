"""Changing routing rules."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic_core import PydanticCustomError
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import BatchVerbs, Outcome
from services.contracts import ExternalId
from services.database import birth, now
from services.errors import Refusal, invalid_field
from services.events.tickets_routing import (
    RoutingRuleArchived,
    RoutingRuleChanged,
    RoutingRuleCreated,
    RoutingRuleRestored,
    RoutingRuleState,
)
from services.outbox import Written, record, record_many
from services.preconditions import check_version
from services.upserts import Values, create_named, create_one, outcome_of, patch_of, rename, upsert_named

from . import rules
from .arming import ask_for_routing_again
from .models import RoutingRule
from .queries import get_routing_rule, read_filter
from .schemas import RoutingRuleCreate, RoutingRulePatch, Targets, check_targets

NOUN = "routing_rule"


def state_of(routing_rule: RoutingRule | Values) -> RoutingRuleState:
    """The public state of a routing_rule or of its row."""
    return RoutingRuleState.model_validate(routing_rule)


async def write_routing_rules(session: AsyncSession, births: Sequence[tuple[UUID, RoutingRuleCreate]]) -> dict[UUID, Values | Refusal]:
    """Write new drafts and their events, one statement each; one whose filter cannot be read is refused."""
    answers: dict[UUID, Values | Refusal] = {}
    for rule_id, rule in births:
        try:
            read_filter(rule.filter, now(session))
            answers[rule_id] = {**birth(session, rule_id), **rule.model_dump(mode="json"), "status": "draft"}
        except Refusal as refusal:
            answers[rule_id] = refusal
    rows = [answer for answer in answers.values() if not isinstance(answer, Refusal)]
    if rows:
        await session.execute(insert(RoutingRule.__table__), rows)  # type: ignore[arg-type]
    facts = [
        (Written(row["id"], 1, row["partition_key"], row["updated_at"]), RoutingRuleCreated(state=state_of(row)), None) for row in rows
    ]
    await record_many(session, facts)
    return answers


async def create_routing_rule(session: AsyncSession, routing_rule: RoutingRuleCreate) -> RoutingRule:
    """Write a draft. Raises Invalid, ExternalIdTaken."""
    return RoutingRule(**await create_one(session, NOUN, routing_rule, write=write_routing_rules))


async def update_routing_rule(session: AsyncSession, routing_rule_id: UUID, patch: RoutingRulePatch, if_match: str | None) -> RoutingRule:
    """Change fields. Raises NotFound, PreconditionMissing, Stale, Invalid, ExternalIdTaken."""
    routing_rule = await get_routing_rule(session, routing_rule_id, lock=True)
    check_version(routing_rule.version, if_match)
    before = routing_rule.external_ids
    wanted = patch.model_dump(mode="json", exclude_unset=True)
    changes = {name: value for name, value in wanted.items() if getattr(routing_rule, name) != value}
    for name, value in changes.items():
        setattr(routing_rule, name, value)
    if changes:
        _check_sound(routing_rule, now(session))
        await rename(session, NOUN, routing_rule.id, before=before, after=routing_rule.external_ids)
        await record(session, routing_rule, RoutingRuleChanged(state=state_of(routing_rule)))
    return routing_rule


async def activate_routing_rule(session: AsyncSession, routing_rule_id: UUID) -> RoutingRule:
    """Route by it from now on, what waits already included. Raises NotFound, WrongState."""
    routing_rule = await _move(session, routing_rule_id, "activate")
    await ask_for_routing_again(session)
    return routing_rule


async def retire_routing_rule(session: AsyncSession, routing_rule_id: UUID) -> RoutingRule:
    """Route by it no more. Raises NotFound, WrongState."""
    return await _move(session, routing_rule_id, "retire")


async def archive_routing_rule(session: AsyncSession, routing_rule_id: UUID) -> RoutingRule:
    """Hide from lists. Raises NotFound."""
    routing_rule = await get_routing_rule(session, routing_rule_id, lock=True)
    if routing_rule.archived_at is None:
        routing_rule.archived_at = now(session)
        await record(session, routing_rule, RoutingRuleArchived(state=state_of(routing_rule)))
    return routing_rule


async def restore_routing_rule(session: AsyncSession, routing_rule_id: UUID) -> RoutingRule:
    """Bring back to lists. Raises NotFound."""
    routing_rule = await get_routing_rule(session, routing_rule_id, lock=True)
    if routing_rule.archived_at is not None:
        routing_rule.archived_at = None
        await record(session, routing_rule, RoutingRuleRestored(state=state_of(routing_rule)))
    return routing_rule


async def create_each(session: AsyncSession, routing_rules: Sequence[RoutingRuleCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    return [outcome_of(answer) for answer in await create_named(session, NOUN, routing_rules, write=write_routing_rules)]


async def upsert_each(session: AsyncSession, items: Sequence[tuple[ExternalId, RoutingRuleCreate]]) -> list[Outcome | Refusal]:
    """Upsert for a batch."""
    return await upsert_named(session, NOUN, items, write=write_routing_rules, change=_hold_against)


async def update_each(session: AsyncSession, routing_rule_id: UUID, patch: RoutingRulePatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    routing_rule = await update_routing_rule(session, routing_rule_id, patch, if_match)
    return Outcome(200, routing_rule.id, routing_rule.version)


async def archive_each(session: AsyncSession, routing_rule_id: UUID) -> Outcome:
    """Archive for a batch."""
    routing_rule = await archive_routing_rule(session, routing_rule_id)
    return Outcome(200, routing_rule.id, routing_rule.version)


async def _hold_against(session: AsyncSession, routing_rule_id: UUID, wanted: RoutingRuleCreate) -> Outcome:
    routing_rule = await get_routing_rule(session, routing_rule_id, lock=True)
    return await update_each(session, routing_rule_id, patch_of(wanted, RoutingRulePatch, routing_rule.external_ids), "*")


async def _move(session: AsyncSession, routing_rule_id: UUID, verb: str) -> RoutingRule:
    routing_rule = await get_routing_rule(session, routing_rule_id, lock=True)
    routing_rule.status = rules.decide_status(verb, routing_rule.status)
    await record(session, routing_rule, RoutingRuleChanged(state=state_of(routing_rule)))
    return routing_rule


def _check_sound(routing_rule: RoutingRule, at: datetime) -> None:
    """Raises Invalid for a filter that cannot be read, and for targets that do not fit the strategy."""
    read_filter(routing_rule.filter, at)
    try:
        check_targets(routing_rule.strategy, Targets.model_validate(routing_rule.targets))
    except PydanticCustomError as error:
        raise invalid_field("/targets", "targets", error.message()) from error


BATCH = BatchVerbs(RoutingRuleCreate, RoutingRulePatch, create_each, upsert_each, update_each, archive_each)
