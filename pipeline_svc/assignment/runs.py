"""Running the rules over what nobody owns."""

from sqlalchemy.ext.asyncio import AsyncSession

from pipeline_svc.leads.movements import assign_unowned as assign_leads
from services.database import context_of, now
from services.events.pipeline_assignment import AssignmentRun, AssignmentState
from services.identifiers import new_id
from services.outbox import Written, record_many

from .schemas import RunAnswer, RunAsked

GIVERS = {"leads": assign_leads}


async def run_rules(session: AsyncSession, asked: RunAsked, *, dry_run: bool) -> RunAnswer:
    """Give out the oldest open work of a noun that nobody owns, and tell of the run; with `dry_run` only say what would be done."""
    items = list(await GIVERS[asked.noun](session, asked.limit, dry_run=dry_run))
    assigned = sum(item.owner_id is not None for item in items)
    answer = RunAnswer(noun=asked.noun, considered=len(items), assigned=assigned, unassigned=len(items) - assigned, items=items)
    if items and not dry_run:
        at = now(session)
        state = AssignmentState(id=new_id(), created_at=at, **answer.model_dump(exclude={"items"}))
        written = Written(state.id, 1, f"{context_of(session).tenant_id}:{state.id}", at)
        await record_many(session, [(written, AssignmentRun(state=state), None)])
    return answer
