"""The HTTP routes of the journal: events, and the history of every noun of every service."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.contracts import noun_of
from services.manifests import Manifest, Noun
from services.read_your_writes import ReadYourWrites
from services.routing import PROBLEMS, Router, SessionDep

from . import queries
from .rules import read_types
from .schemas import After, EventPage, History, Latest, Subject, Types

PageSize = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=64)]
GONE: dict[int | str, dict[str, Any]] = {410: PROBLEMS[404] | {"description": "The position belongs to another generation of the journal"}}

router = Router("events", prefix="/v1/events")


@router.operation("GET", "", name="list", scope="events:read", response_model=EventPage, responses=GONE)
async def list_events(
    session: SessionDep,
    types: Types = "",
    subject: Subject = None,
    after: After = None,
    page_size: PageSize = 50,
    _written: ReadYourWrites = None,
) -> Response:
    """List events in the order of the journal, from the beginning or after a position. Errors: 410 for a position that is gone, 422, 503
    when the version named in Mitra-Version does not arrive.
    """
    wanted = queries.Wanted(read_types(types), subject)
    return Response(await queries.list_events(session, after, wanted, page_size=page_size), media_type="application/json")


@router.operation("GET", "/latest", name="latest", scope="events:read", response_model=Latest)
async def get_latest(session: SessionDep, _written: ReadYourWrites = None) -> Latest:
    """The newest place in the journal. Errors: 503 when the version named in Mitra-Version does not arrive."""
    head = await queries.get_head(session)
    return Latest(seq=head.seq, position=str(head))


def history_routers(manifests: Sequence[Manifest]) -> list[APIRouter]:
    """`GET /v1/<noun>/{id}/history` for every noun that publishes events, under the noun's own read scope."""
    return [
        _history_router(noun)
        for manifest in manifests
        for noun in manifest.nouns
        if noun.subject in {noun_of(contract.type) for contract in manifest.contracts}
    ]


def _history_router(noun: Noun) -> Router:
    histories = Router(noun.segment, prefix=f"/v1/{noun.segment}")

    @histories.operation("GET", "/{record_id}/history", name="history", scope=f"{noun.segment}:read", response_model=History)
    async def get_history(
        session: SessionDep, record_id: UUID, page_size: PageSize = 50, cursor: Cursor = None, _written: ReadYourWrites = None
    ) -> History:
        """Every version of a record, oldest first, without what its owner holds back. Errors: 404, 422, 503 when the version named in
        Mitra-Version does not arrive.
        """
        return await queries.list_history(session, noun.subject, record_id, page_size=page_size, cursor=cursor)

    return histories
