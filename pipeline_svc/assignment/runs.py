"""Giving out by rule: what nobody owns, in one run, and one opportunity."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from pipeline_svc.leads.movements import give_leads
from pipeline_svc.opportunities.models import Opportunity
from pipeline_svc.opportunities.operations import assign_by_hand, assign_opportunity
from pipeline_svc.opportunities.queries import get_opportunity
from pipeline_svc.opportunities.rules import FITTING
from pipeline_svc.opportunities.schemas import Assign
from services.database import context_of, now
from services.errors import WrongState
from services.events.pipeline_assignment import AssignmentRun, AssignmentState
from services.identifiers import new_id
from services.outbox import Written, record_many
from services.upserts import Values

from .deciding import decide_owner, decide_owners, piece_of
from .queries import lock_unowned
from .schemas import Assignment, RunAnswer, RunAsked


async def run_rules(session: AsyncSession, asked: RunAsked, *, dry_run: bool) -> RunAnswer:
    """Give out the oldest open work of a noun that nobody owns, and tell of the run; with `dry_run` only say what would be done."""
    rows = {row["id"]: row for row in await lock_unowned(session, asked.noun, asked.limit)}
    pieces = [piece_of(asked.noun, row) for row in rows.values()]
    items = list((await decide_owners(session, asked.noun, pieces, dry_run=dry_run)).values())
    given = [(rows[item.id], item) for item in items if item.owner_id is not None]
    left = len(items) - len(given)
    answer = RunAnswer(noun=asked.noun, considered=len(items), assigned=len(given), unassigned=left, items=items)
    if items and not dry_run:
        await (give_leads if asked.noun == "leads" else _give_opportunities)(session, given)
        at = now(session)
        state = AssignmentState(id=new_id(), created_at=at, **answer.model_dump(exclude={"items"}))
        written = Written(state.id, 1, f"{context_of(session).tenant_id}:{state.id}", at)
        await record_many(session, [(written, AssignmentRun(state=state), None)])
    return answer


async def assign_one_opportunity(session: AsyncSession, opportunity_id: UUID, wanted: Assign) -> Opportunity:
    """Give an opportunity to an owner, or where none is named to whom the active rules name. Raises NotFound, WrongState, NobodyFits."""
    if "owner_id" in wanted.model_fields_set:
        return await assign_by_hand(session, opportunity_id, owner_id=wanted.owner_id, reasons=wanted.reasons)
    opportunity = await get_opportunity(session, opportunity_id, lock=True)
    if opportunity.status != "open":
        raise WrongState("assign", state=opportunity.status, verbs_that_fit=FITTING[opportunity.status])
    owner_id, assignment = await decide_owner(session, "opportunities", piece_of("opportunities", vars(opportunity)))
    return await assign_opportunity(session, opportunity_id, owner_id=owner_id, rule_id=assignment.rule_id, reasons=assignment.reasons)


async def _give_opportunities(session: AsyncSession, given: Sequence[tuple[Values, Assignment]]) -> None:
    for row, assignment in given:
        assert assignment.owner_id is not None
        await assign_opportunity(session, row["id"], owner_id=assignment.owner_id, rule_id=assignment.rule_id, reasons=assignment.reasons)
