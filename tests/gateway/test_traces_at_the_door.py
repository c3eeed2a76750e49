"""A trace begins at the door, or is continued there."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.routing.front import build_front
from services import tracing
from services.observed import Traced
from tests.gateway.conftest import Door
from tests.kit.test_tracing import CALLER, Seen


@pytest.fixture
def seen(near_door: Door) -> Iterator[Seen]:
    seen = Seen()
    tracing.use(seen.provider)
    yield seen
    tracing.use(None)


async def test_what_a_request_makes_belongs_to_the_trace_of_the_door(door: Door) -> None:
    company = await door.company()
    seen = Seen()
    tracing.use(seen.provider)
    transport = httpx.ASGITransport(app=Traced(door.front, name="door"))
    headers = {"Authorization": f"Bearer {company.token}", "traceparent": CALLER}
    async with httpx.AsyncClient(transport=transport, base_url="http://mitra", headers=headers) as client:
        assert (await client.post("/v1/things", json={"label": "lamp"})).status_code == 201
        assert (await client.get("/healthz")).status_code == 200
    tracing.use(None)
    (event,) = await door.mitra.outbox("demo")
    (span,) = seen.spans
    assert (span.name, f"{span.context.trace_id:032x}") == ("door", CALLER[3:35])
    assert event.traceparent == f"00-{CALLER[3:35]}-{span.context.span_id:016x}-01"


async def test_the_door_is_wrapped_only_where_traces_go_out(near_door: Door, seen: Seen) -> None:
    apps = dict(near_door.mitra.apps)
    assert isinstance(build_front(apps, near_door.mitra.settings), Traced)
    tracing.use(None)
    assert not isinstance(build_front(apps, near_door.mitra.settings), Traced)
