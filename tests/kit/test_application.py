"""The application of a service: its health, its request ids, its refusal to start, and the answers to those whom it does not know."""

import httpx
import pytest
from demo_svc.manifest import manifest as demo

from services.application import create_app
from services.settings import Settings
from tests.harness import Mitra


@pytest.fixture
def stranger(mitra: Mitra) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=mitra.apps["demo"], raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://mitra")


async def test_health_needs_no_token(stranger: httpx.AsyncClient) -> None:
    assert [(await stranger.get(path)).json() for path in ("/healthz", "/readyz")] == [{"status": "ok"}, {"status": "ready"}]


async def test_a_service_without_its_database_is_alive_and_not_ready(settings: Settings) -> None:
    app = create_app(demo, settings.model_copy(update={"database_url": "postgresql+asyncpg://nobody@127.0.0.1:1/none"}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://mitra") as client:
        assert (await client.get("/healthz")).status_code == 200
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unready")
    assert "nobody" not in answer.text
    await app.state.database.close()


@pytest.mark.parametrize("sound", ["r-1", "0198c2f0-7c1e-7000-8000-000000000000", "A" * 64])
async def test_a_sound_request_id_of_the_caller_is_kept(stranger: httpx.AsyncClient, sound: str) -> None:
    answer = await stranger.get("/v1/things", headers={"X-Request-Id": sound})
    assert (answer.headers["x-request-id"], answer.json()["request_id"]) == (sound, sound)


@pytest.mark.parametrize("unsound", ["", "-", "a b", 'a"b', "A" * 65, "ä", "{}"])
async def test_any_other_is_replaced(stranger: httpx.AsyncClient, unsound: str) -> None:
    answer = await stranger.get("/v1/things", headers={b"X-Request-Id": unsound.encode()})
    given = answer.headers["x-request-id"]
    assert (len(given), answer.json()["request_id"]) == (36, given)


async def test_a_request_has_one_id_from_the_door_to_the_event(mitra: Mitra) -> None:
    client = mitra.client("demo", mitra.caller(await mitra.new_tenant()))
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"X-Request-Id": "r-1", "traceparent": traceparent}
    answer = await client.post("/v1/things", json={"label": "lamp"}, headers=headers)
    (event,) = await mitra.outbox("demo")
    assert (answer.headers["x-request-id"], event.correlation_id, event.causation_id, event.traceparent) == (
        "r-1",
        "r-1",
        "r-1",
        traceparent,
    )


async def test_every_path_but_health_asks_who_is_there(mitra: Mitra, stranger: httpx.AsyncClient) -> None:
    for path, operations in mitra.apps["demo"].openapi()["paths"].items():
        for method in operations:
            answer = await stranger.request(method, path.replace("{thing_id}", "x").replace("{job_id}", "x"))
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), (method, path)


async def test_a_trailing_slash_is_another_path(mitra: Mitra, stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/v1/things/")).status_code in (401, 404)
    client = mitra.client("demo", mitra.caller(await mitra.new_tenant()))
    assert (await client.get("/v1/things/")).status_code in (404, 405)
