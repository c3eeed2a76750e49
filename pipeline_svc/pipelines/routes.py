"""The HTTP routes of pipelines."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import operations, queries
from .models import Pipeline
from .schemas import PipelineCreate, PipelinePatch, PipelineRead, StageList

router = Router("pipelines", prefix="/v1/pipelines")


@router.operation("GET", "", name="list", scope="pipelines:read", response_model=Page[PipelineRead])
async def list_pipelines(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List pipelines. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(PipelineRead, await queries.list_pipelines(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="pipelines:read", response_model=Page[PipelineRead])
async def search_pipelines(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(PipelineRead, await queries.list_pipelines(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="pipelines:write", response_model=PipelineRead, status_code=201)
async def create_pipeline(session: SessionDep, response: Response, body: PipelineCreate) -> Pipeline:
    """Create a pipeline. Errors: 409 for an external id that is taken, 422."""
    pipeline = await operations.create_pipeline(session, body)
    stamp(response, "pipeline", pipeline)
    return pipeline


@router.operation("POST", "/batch", name="batch", scope="pipelines:write", response_model=BatchAnswer)
async def batch_pipelines(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, operations.BATCH)


@router.operation("GET", "/{pipeline_id}", name="get", scope="pipelines:read", response_model=PipelineRead)
async def get_pipeline(session: SessionDep, pipeline_id: UUID) -> Response:
    """Read a pipeline. Errors: 404."""
    return await show_record(session, Pipeline, pipeline_id, schema=PipelineRead, noun="pipeline")


@router.operation("PATCH", "/{pipeline_id}", name="update", scope="pipelines:write", response_model=PipelineRead)
async def update_pipeline(
    session: SessionDep, response: Response, pipeline_id: UUID, body: PipelinePatch, if_match: IfMatch = None
) -> Pipeline:
    """Change a pipeline by merge patch. Errors: 404, 409 for an external id that is taken, 412, 422, 428."""
    pipeline = await operations.update_pipeline(session, pipeline_id, body, if_match)
    stamp(response, "pipeline", pipeline)
    return pipeline


@router.operation("PUT", "/{pipeline_id}/stages", name="put_stages", scope="pipelines:write", response_model=PipelineRead)
async def put_stages(session: SessionDep, response: Response, pipeline_id: UUID, body: StageList, if_match: IfMatch = None) -> Pipeline:
    """Write the whole list of stages in its order; one that is left out is retired. Errors: 404, 409 for another kind, 412, 422, 428."""
    pipeline = await operations.put_stages(session, pipeline_id, body.stages, if_match)
    stamp(response, "pipeline", pipeline)
    return pipeline


@router.operation("POST", "/{pipeline_id}/retire", name="retire", scope="pipelines:write", response_model=PipelineRead)
async def retire_pipeline(session: SessionDep, response: Response, pipeline_id: UUID) -> Pipeline:
    """Open no opportunities in a pipeline any more. Errors: 404, 409 when it is retired."""
    pipeline = await operations.retire_pipeline(session, pipeline_id)
    stamp(response, "pipeline", pipeline)
    return pipeline


@router.operation("POST", "/{pipeline_id}/reactivate", name="reactivate", scope="pipelines:write", response_model=PipelineRead)
async def reactivate_pipeline(session: SessionDep, response: Response, pipeline_id: UUID) -> Pipeline:
    """Open opportunities in a retired pipeline again. Errors: 404, 409 when it is active."""
    pipeline = await operations.reactivate_pipeline(session, pipeline_id)
    stamp(response, "pipeline", pipeline)
    return pipeline


@router.operation("POST", "/{pipeline_id}/archive", name="archive", scope="pipelines:write", response_model=PipelineRead)
async def archive_pipeline(session: SessionDep, response: Response, pipeline_id: UUID) -> Pipeline:
    """Hide a pipeline from lists. Errors: 404."""
    pipeline = await operations.archive_pipeline(session, pipeline_id)
    stamp(response, "pipeline", pipeline)
    return pipeline


@router.operation("POST", "/{pipeline_id}/restore", name="restore", scope="pipelines:write", response_model=PipelineRead)
async def restore_pipeline(session: SessionDep, response: Response, pipeline_id: UUID) -> Pipeline:
    """Bring a pipeline back to lists. Errors: 404."""
    pipeline = await operations.restore_pipeline(session, pipeline_id)
    stamp(response, "pipeline", pipeline)
    return pipeline
