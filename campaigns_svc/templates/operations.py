"""Changing templates."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import BatchVerbs, Outcome, refuse_upserts
from services.database import birth, now
from services.errors import Refusal
from services.events.campaigns import (
    TemplateArchived,
    TemplateCreated,
    TemplatePublished,
    TemplateRestored,
    TemplateState,
    TemplateUpdated,
)
from services.identifiers import new_id
from services.merge_patch import apply_patch
from services.outbox import record, record_many
from services.preconditions import check_version

from . import rules
from .models import Template
from .queries import get_template
from .schemas import TemplateCreate, TemplatePatch

WORDS = ("name", "channel", "language", "subject", "text", "html", "variables")


def state_of(template: Template) -> TemplateState:
    """The public state of a template."""
    return TemplateState.model_validate(template)


async def create_templates(session: AsyncSession, templates: Sequence[TemplateCreate]) -> list[Template]:
    """Write new templates and their events: one multi-row INSERT each."""
    return await _write(session, [{**template.model_dump(), "revision": 1, "revises_id": None} for template in templates])


async def update_template(session: AsyncSession, template_id: UUID, patch: TemplatePatch, if_match: str | None) -> Template:
    """Change a draft. Raises NotFound, PreconditionMissing, Stale, WrongState."""
    template = await get_template(session, template_id, lock=True)
    check_version(template.version, if_match)
    if apply_patch(template, patch):
        rules.check_can_change(template.status)
        await record(session, template, TemplateUpdated(state=state_of(template)))
    return template


async def publish_template(session: AsyncSession, template_id: UUID) -> Template:
    """Fix the words. Raises NotFound, WrongState, Invalid."""
    template = await get_template(session, template_id, lock=True)
    template.status = rules.decide_status("publish", template.status)
    rules.check_can_publish(template)
    await record(session, template, TemplatePublished(state=state_of(template)))
    return template


async def retire_template(session: AsyncSession, template_id: UUID) -> Template:
    """Let no further campaign begin with it. Raises NotFound, WrongState."""
    template = await get_template(session, template_id, lock=True)
    template.status = rules.decide_status("retire", template.status)
    await record(session, template, TemplateUpdated(state=state_of(template)))
    return template


async def revise_template(session: AsyncSession, template_id: UUID) -> Template:
    """Make a draft of the next revision. Raises NotFound, WrongState."""
    template = await get_template(session, template_id)
    rules.check_can_revise(template.status)
    words = {name: getattr(template, name) for name in WORDS}
    (draft,) = await _write(session, [{**words, "revision": template.revision + 1, "revises_id": template.id}])
    return draft


async def _write(session: AsyncSession, contents: Sequence[dict[str, Any]]) -> list[Template]:
    if not contents:
        return []
    rows = [{**birth(session, new_id()), **content, "status": "draft"} for content in contents]
    await session.execute(insert(Template.__table__), rows)  # type: ignore[arg-type]
    made = [Template(**row) for row in rows]
    await record_many(session, [(template, TemplateCreated(state=state_of(template)), None) for template in made])
    return made


async def archive_template(session: AsyncSession, template_id: UUID) -> Template:
    """Hide from lists. Raises NotFound."""
    template = await get_template(session, template_id, lock=True)
    if template.archived_at is None:
        template.archived_at = now(session)
        await record(session, template, TemplateArchived(state=state_of(template)))
    return template


async def restore_template(session: AsyncSession, template_id: UUID) -> Template:
    """Bring back to lists. Raises NotFound."""
    template = await get_template(session, template_id, lock=True)
    if template.archived_at is not None:
        template.archived_at = None
        await record(session, template, TemplateRestored(state=state_of(template)))
    return template


async def create_each(session: AsyncSession, templates: Sequence[TemplateCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    return [Outcome(201, template.id, template.version) for template in await create_templates(session, templates)]


async def update_each(session: AsyncSession, template_id: UUID, patch: TemplatePatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    template = await update_template(session, template_id, patch, if_match)
    return Outcome(200, template.id, template.version)


async def archive_each(session: AsyncSession, template_id: UUID) -> Outcome:
    """Archive for a batch."""
    template = await archive_template(session, template_id)
    return Outcome(200, template.id, template.version)


BATCH = BatchVerbs(TemplateCreate, TemplatePatch, create_each, refuse_upserts, update_each, archive_each)
