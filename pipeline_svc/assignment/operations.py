"""Writing assignment rules: their birth, changes, and their status."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import BatchVerbs, Outcome
from services.contracts import ExternalId
from services.database import birth, now
from services.errors import Refusal, invalid_field
from services.events.pipeline_assignment import (
    AssignmentRuleArchived,
    AssignmentRuleChanged,
    AssignmentRuleCreated,
    AssignmentRuleRestored,
    AssignmentRuleState,
)
from services.filters import Bindings, FilterError, compile_predicate, parse_filter
from services.outbox import Written, record, record_many
from services.preconditions import check_version
from services.upserts import Values, create_named, create_one, outcome_of, patch_of, rename, upsert_named

from . import rules
from .models import AssignmentRule, AssignmentTurn
from .queries import SUBJECT_FIELDS, get_rule
from .schemas import AssignmentRuleCreate, AssignmentRulePatch

NOUN = "assignment_rule"


def state_of(rule: AssignmentRule | Values) -> AssignmentRuleState:
    """The public state of a rule."""
    return AssignmentRuleState.model_validate(rule)


async def write_rules(session: AsyncSession, births: Sequence[tuple[UUID, AssignmentRuleCreate]]) -> dict[UUID, Values | Refusal]:
    """Write new rules and their events, one statement each; one that is not sound is refused."""
    answers: dict[UUID, Values | Refusal] = {}
    rows = []
    for rule_id, rule in births:
        row = {**birth(session, rule_id), **rule.model_dump(mode="json"), "status": "draft"}
        try:
            _check_sound(session, rule.noun, rule.filter)
            rules.check_sound([target.user_id for target in rule.targets], rule.max_share_bps)
            rows.append(row)
            answers[rule_id] = row
        except Refusal as refusal:
            answers[rule_id] = refusal
    if rows:
        await session.execute(insert(AssignmentRule.__table__), rows)  # type: ignore[arg-type]
    facts = [
        (Written(row["id"], 1, row["partition_key"], row["updated_at"]), AssignmentRuleCreated(state=state_of(row)), None) for row in rows
    ]
    await record_many(session, facts)
    return answers


async def create_rule(session: AsyncSession, rule: AssignmentRuleCreate) -> AssignmentRule:
    """Draft a rule. Raises Invalid, ExternalIdTaken."""
    return AssignmentRule(**await create_one(session, NOUN, rule, write=write_rules))


async def update_rule(session: AsyncSession, rule_id: UUID, patch: AssignmentRulePatch, if_match: str | None) -> AssignmentRule:
    """Change fields; new targets begin their turns anew.

    Raises NotFound, PreconditionMissing, Stale, Invalid, WrongState, ExternalIdTaken.
    """
    rule = await get_rule(session, rule_id, lock=True)
    check_version(rule.version, if_match)
    wanted = patch.model_dump(mode="json", include=patch.model_fields_set)
    changes = {name: value for name, value in wanted.items() if getattr(rule, name) != value}
    if not changes:
        return rule
    rules.check_can_change(rule.status)
    if "external_ids" in changes:
        await rename(session, NOUN, rule.id, before=rule.external_ids, after=changes["external_ids"])
    for name, value in changes.items():
        setattr(rule, name, value)
    _check_sound(session, rule.noun, rule.filter)
    rules.check_sound([target["user_id"] for target in rule.targets], rule.max_share_bps)
    await record(session, rule, AssignmentRuleChanged(state=state_of(rule)))
    if "targets" in changes:
        await session.execute(delete(AssignmentTurn).where(AssignmentTurn.rule_id == rule.id))
    return rule


async def move_rule(session: AsyncSession, rule_id: UUID, verb: rules.Verb) -> AssignmentRule:
    """Have it give out work, or no more. Raises NotFound, WrongState."""
    rule = await get_rule(session, rule_id, lock=True)
    rule.status = rules.decide_status(verb, rule.status)
    await record(session, rule, AssignmentRuleChanged(state=state_of(rule)))
    return rule


async def archive_rule(session: AsyncSession, rule_id: UUID) -> AssignmentRule:
    """Hide from lists, and give out nothing. Raises NotFound."""
    rule = await get_rule(session, rule_id, lock=True)
    if rule.archived_at is None:
        rule.archived_at = now(session)
        await record(session, rule, AssignmentRuleArchived(state=state_of(rule)))
    return rule


async def restore_rule(session: AsyncSession, rule_id: UUID) -> AssignmentRule:
    """Bring back to lists. Raises NotFound."""
    rule = await get_rule(session, rule_id, lock=True)
    if rule.archived_at is not None:
        rule.archived_at = None
        await record(session, rule, AssignmentRuleRestored(state=state_of(rule)))
    return rule


async def create_each(session: AsyncSession, bodies: Sequence[AssignmentRuleCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    return [outcome_of(answer) for answer in await create_named(session, NOUN, bodies, write=write_rules)]


async def upsert_each(session: AsyncSession, items: Sequence[tuple[ExternalId, AssignmentRuleCreate]]) -> list[Outcome | Refusal]:
    """Upsert for a batch; the noun of a known rule stays."""
    return await upsert_named(session, NOUN, items, write=write_rules, change=_hold_against)


async def update_each(session: AsyncSession, rule_id: UUID, patch: AssignmentRulePatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    rule = await update_rule(session, rule_id, patch, if_match)
    return Outcome(200, rule.id, rule.version)


async def archive_each(session: AsyncSession, rule_id: UUID) -> Outcome:
    """Archive for a batch."""
    rule = await archive_rule(session, rule_id)
    return Outcome(200, rule.id, rule.version)


async def _hold_against(session: AsyncSession, rule_id: UUID, wanted: AssignmentRuleCreate) -> Outcome:
    rule = await get_rule(session, rule_id, lock=True)
    return await update_each(session, rule_id, patch_of(wanted, AssignmentRulePatch, rule.external_ids), "*")


def _check_sound(session: AsyncSession, noun: str, text: str) -> None:
    """Raises Invalid for a filter that could not be asked."""
    try:
        compile_predicate(parse_filter(text), SUBJECT_FIELDS[noun], Bindings(None, now(session)))
    except FilterError as error:
        raise invalid_field("/filter", "filter", str(error)) from error


BATCH = BatchVerbs(AssignmentRuleCreate, AssignmentRulePatch, create_each, upsert_each, update_each, archive_each)
