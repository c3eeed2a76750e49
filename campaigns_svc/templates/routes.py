"""The HTTP routes of templates."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import operations, queries, rules
from .models import Template
from .schemas import RenderedRead, Sample, TemplateCreate, TemplatePatch, TemplateRead

router = Router("templates", prefix="/v1/templates")


@router.operation("GET", "", name="list", scope="templates:read", response_model=Page[TemplateRead])
async def list_templates(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List templates. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(TemplateRead, await queries.list_templates(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="templates:read", response_model=Page[TemplateRead])
async def search_templates(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(TemplateRead, await queries.list_templates(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="templates:write", response_model=TemplateRead, status_code=201)
async def create_template(session: SessionDep, response: Response, body: TemplateCreate) -> Template:
    """Create a template. Errors: 422."""
    (template,) = await operations.create_templates(session, [body])
    stamp(response, "template", template)
    return template


@router.operation("POST", "/batch", name="batch", scope="templates:write", response_model=BatchAnswer)
async def batch_templates(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations; templates bear no external ids, so none is an upsert. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, operations.BATCH)


@router.operation("GET", "/{template_id}", name="get", scope="templates:read", response_model=TemplateRead)
async def get_template(session: SessionDep, template_id: UUID) -> Response:
    """Read a template. Errors: 404."""
    return await show_record(session, Template, template_id, schema=TemplateRead, noun="template")


@router.operation("PATCH", "/{template_id}", name="update", scope="templates:write", response_model=TemplateRead)
async def update_template(
    session: SessionDep, response: Response, template_id: UUID, body: TemplatePatch, if_match: IfMatch = None
) -> Template:
    """Change a template by merge patch. Errors: 404, 409 once it is published, 412, 422, 428."""
    template = await operations.update_template(session, template_id, body, if_match)
    stamp(response, "template", template)
    return template


@router.operation("POST", "/{template_id}/archive", name="archive", scope="templates:write", response_model=TemplateRead)
async def archive_template(session: SessionDep, response: Response, template_id: UUID) -> Template:
    """Hide a template from lists. Errors: 404."""
    template = await operations.archive_template(session, template_id)
    stamp(response, "template", template)
    return template


@router.operation("POST", "/{template_id}/restore", name="restore", scope="templates:write", response_model=TemplateRead)
async def restore_template(session: SessionDep, response: Response, template_id: UUID) -> Template:
    """Bring a template back to lists. Errors: 404."""
    template = await operations.restore_template(session, template_id)
    stamp(response, "template", template)
    return template


@router.operation("POST", "/{template_id}/publish", name="publish", scope="templates:write", response_model=TemplateRead)
async def publish_template(session: SessionDep, response: Response, template_id: UUID) -> Template:
    """Fix its words, so that campaigns may send them. Errors: 404, 409 when it is no draft, 422 for words that cannot be rendered."""
    template = await operations.publish_template(session, template_id)
    stamp(response, "template", template)
    return template


@router.operation("POST", "/{template_id}/retire", name="retire", scope="templates:write", response_model=TemplateRead)
async def retire_template(session: SessionDep, response: Response, template_id: UUID) -> Template:
    """Let no further campaign begin with it. Errors: 404, 409 when it is not published."""
    template = await operations.retire_template(session, template_id)
    stamp(response, "template", template)
    return template


@router.operation("POST", "/{template_id}/revise", name="revise", scope="templates:write", response_model=TemplateRead, status_code=201)
async def revise_template(session: SessionDep, response: Response, template_id: UUID) -> Template:
    """Make a draft of its next revision, with the same words. Errors: 404, 409 while it is a draft itself."""
    template = await operations.revise_template(session, template_id)
    stamp(response, "template", template)
    return template


@router.operation("POST", "/{template_id}/render", name="render", scope="templates:read", response_model=RenderedRead)
async def render_template(session: SessionDep, template_id: UUID, body: Sample) -> object:
    """Show what a contact would read. Errors: 404, 422 for a variable that is missing, or words that cannot be rendered."""
    template = await queries.get_template(session, template_id)
    return rules.render_sample(template, body.values())
