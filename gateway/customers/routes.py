"""The HTTP routes of a customer that the gateway answers, before the owner of `customers` is asked."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.manifests import Manifest
from services.paging import ListQuery, Page
from services.read_your_writes import ReadYourWrites
from services.routing import CallerDep, Router, SessionDep

from . import queries
from .schemas import TimelineEntry


def timeline_router(manifests: Sequence[Manifest]) -> Router:
    """`GET /v1/customers/{id}/timeline`: the events of every service that name the customer."""
    router = Router("customers", prefix="/v1/customers")
    segments = {noun.subject: noun.segment for manifest in manifests for noun in manifest.nouns}

    @router.operation("GET", "/{contact_id}/timeline", name="timeline", scope="customers:read", response_model=Page[TimelineEntry])
    async def list_timeline(
        session: SessionDep, caller: CallerDep, contact_id: UUID, query: Annotated[ListQuery, Query()], _written: ReadYourWrites = None
    ) -> object:
        """What happened with a customer, by when it happened: contacts, orders, scores and whatever else names it. Filter by `type`,
        `noun` and `time`; `order_by=-time` begins with the newest. A noun whose read scope the caller lacks is left out.
        Errors: 404, 422, 503 when the version named in Mitra-Version does not arrive.
        """
        items, cursor, total = await queries.list_timeline(session, contact_id, query, caller=caller, segments=segments)
        return {"items": items, "next_cursor": cursor, "total": total}

    return router
