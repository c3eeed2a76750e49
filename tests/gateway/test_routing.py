"""The front: who may pass, what passes, and where it goes, in process and over HTTP alike."""

import asyncio
import re
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest

from gateway.routing.front import Front, ServiceUnplaced, build_front
from gateway.settings import GatewaySettings
from services.application import create_app
from services.manifests import discover
from services.tokens import Caller, KeyPairs, Minter
from tests.gateway.conftest import Door, Doors
from tests.gateway.make import make_key
from tests.gateway.serving import Echo, serve
from tests.harness import Mitra


async def test_a_request_reaches_the_service_that_owns_its_path_as_its_caller(door: Door) -> None:
    company = await door.company()
    client = door.client(company.token)
    made = await client.post("/v1/things", json={"label": "lamp", "secret": "canary"}, headers={"X-Request-Id": "till-7"})
    thing = made.json()
    assert (made.status_code, made.headers["etag"], made.headers["x-request-id"]) == (201, '"1"', "till-7")
    assert made.headers.get_list("x-request-id") == ["till-7"]
    (event,) = await door.mitra.outbox("demo")
    assert (event.tenant_id, event.actor, event.correlation_id) == (company.tenant_id, f"key:{company.key_id}", "till-7")
    read = await client.get(f"/v1/things/{thing['id']}")
    assert read.json() == thing


async def test_queries_bodies_verbs_and_problems_pass_unchanged(door: Door) -> None:
    client = door.client((await door.company()).token)
    for label in ("a & b", "ü % #", "plus+"):
        assert (await client.post("/v1/things", json={"label": label})).status_code == 201
        found = (await client.get("/v1/things", params={"filter": f'label = "{label}"'})).json()
        assert [item["label"] for item in found["items"]] == [label]
    refused = await client.post("/v1/things", json={"label": "lamp", "colour": "red"}, headers={"X-Request-Id": "r1"})
    problem = refused.json()
    assert refused.headers["content-type"] == "application/problem+json"
    assert (refused.status_code, problem["code"], problem["errors"][0]["pointer"], problem["request_id"]) == (
        422,
        "invalid",
        "/colour",
        "r1",
    )
    assert (await client.delete("/v1/things")).status_code == 405
    assert (await client.get("/v1/things/nothing/at/all")).status_code == 404


async def test_a_keyed_request_that_is_sent_again_gets_its_first_answer(door: Door) -> None:
    client = door.client((await door.company()).token)
    answers = [await client.post("/v1/things", json={"label": "lamp"}, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    stale = await client.patch(f"/v1/things/{answers[0].json()['id']}", json={"label": "desk"}, headers={"If-Match": '"9"'})
    assert stale.status_code == 412


async def test_without_a_good_key_nobody_passes(door: Door) -> None:
    wrong = ["", "Bearer", "Bearer ", "Basic abc", "Bearer mk_0123456789ab_short", "Bearer rubbish", f"Bearer mk_0123456789ab_{'x' * 43}"]
    for headers in ({}, *({"Authorization": each} for each in wrong)):
        answer = await door.client().get("/v1/things", headers=headers)
        assert (answer.status_code, answer.json()["code"], answer.headers["www-authenticate"]) == (401, "unauthenticated", "Bearer")
        assert answer.headers["content-type"] == "application/problem+json"
    assert door.recorders["demo"].paths == []


async def test_a_wrong_secret_under_a_good_prefix_opens_nothing(door: Door) -> None:
    company = await door.company()
    assert (await door.client(company.token).get("/v1/things")).status_code == 200
    wrong = company.token[:-1] + ("A" if company.token[-1] != "A" else "B")
    assert (await door.client(wrong).get("/v1/things")).status_code == 401


async def test_two_keys_at_once_are_none(door: Door) -> None:
    company = await door.company()
    twice = [("Authorization", f"Bearer {company.token}"), ("authorization", f"Bearer {company.token}")]
    assert (await door.client().get("/v1/things", headers=twice)).status_code == 401


async def test_an_internal_token_is_no_key(door: Door) -> None:
    company = await door.company()
    caller = Caller(company.tenant_id, "user:x", company.user_id, frozenset({"*"}))
    token = Minter(KeyPairs.load(door.mitra.settings.keys_folder, "gateway"), clock=door.mitra.clock).mint(caller, "demo_svc")
    assert (await door.client(token).get("/v1/things")).status_code == 401


async def test_a_path_that_nobody_owns_is_not_found(door: Door) -> None:
    client = door.client((await door.company()).token)
    for path in ("/", "/v1", "/v1/", "/v1/nothing", "/v2/things", "/V1/things", "/v1/Things", "/metrics", "/v1/demo-openapi.json"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    assert door.recorders["demo"].paths == []


async def test_the_service_sees_our_token_and_none_of_what_a_caller_may_not_say(door: Door) -> None:
    company = await door.company()
    headers = {
        "X-Request-Id": "rubbish; drop table",
        "Traceparent": "a person's name",
        "X-Forwarded-For": "1.2.3.4",
        "Cookie": "a=b",
        "Connection": "close, x-private",
        "X-Private": "hop",
        "TE": "trailers",
        "X-Kept": "yes",
    }
    answer = await door.client(company.token).get("/v1/things", headers=headers)
    assert answer.status_code == 200
    seen = door.recorders["demo"].headers[-1]
    values = dict(seen)
    assert UUID(answer.headers["x-request-id"])
    assert values[b"x-request-id"].decode() == answer.headers["x-request-id"]
    assert values[b"x-kept"] == b"yes"
    assert {b"traceparent", b"x-forwarded-for", b"cookie", b"x-private", b"te"}.isdisjoint(values)
    assert [name for name, _ in seen].count(b"authorization") == 1
    assert b"mk_" not in values[b"authorization"]


async def test_a_sound_trace_goes_on(door: Door) -> None:
    client = door.client((await door.company()).token)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert (await client.post("/v1/things", json={"label": "lamp"}, headers={"Traceparent": trace})).status_code == 201
    (event,) = await door.mitra.outbox("demo")
    assert event.traceparent == trace


async def test_a_key_passes_as_fast_as_its_bucket_fills_and_no_other_key_is_held_up(doors: Doors) -> None:
    async with doors.open(remote=False, own=GatewaySettings(requests_per_second=0.001, burst=3)) as door:
        company = await door.company()
        client = door.client(company.token)
        other = await make_key(client, scopes=["things:read"])
        assert [(await client.get("/v1/things")).status_code for _ in range(3)] == [200, 200, 429]
        refused = await client.get("/v1/things")
        assert (refused.json()["code"], int(refused.headers["retry-after"]) > 900) == ("rate_limited", True)
        assert (await door.client(other["secret"]).get("/v1/things")).status_code == 200


@pytest.mark.parametrize("remote", [False, True])
async def test_a_body_that_is_too_large_is_refused_told_or_untold(doors: Doors, remote: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"label": "'
        for _ in range(64):
            yield b"x" * 1024
        yield b'"}'

    async with doors.open(remote=remote, own=GatewaySettings(most_body_bytes=10_000)) as small:
        client = small.client((await small.company()).token)
        told = await client.post("/v1/things", content=b'{"label": "' + b"x" * 20_000 + b'"}')
        untold = await client.post("/v1/things", content=pieces())
        assert (told.status_code, told.json()["code"], untold.status_code, untold.json()["code"]) == (413, "too_large", 413, "too_large")
        assert (await client.post("/v1/things", json={"label": "lamp"})).status_code == 201
    assert len(await doors.mitra.outbox("demo")) == 1


async def test_a_body_in_pieces_passes(door: Door) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"label": '
        yield b'"lamp"}'

    client = door.client((await door.company()).token)
    made = await client.post("/v1/things", content=pieces(), headers={"Content-Type": "application/json"})
    assert (made.status_code, made.json()["label"]) == (201, "lamp")


async def test_a_service_that_is_down_is_told_as_such_and_the_others_answer(doors: Doors) -> None:
    async with serve(Echo()) as closed:
        pass
    async with doors.open(remote=False, demo_url=closed) as door:
        client = door.client((await door.company()).token)
        down = await client.get("/v1/things")
        assert (down.status_code, down.json()["code"], down.headers["retry-after"]) == (503, "service_unavailable", "1")
        assert (await client.get("/v1/users")).status_code == 200
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["services"]["demo"], ready.json()["services"]["gateway"]) == (503, "unready", "ready")
        assert (await client.get("/openapi.json")).status_code == 503


async def test_a_service_that_says_nothing_is_given_up(doors: Doors) -> None:
    async def silent(scope: object, receive: object, send: object) -> None:
        await asyncio.Event().wait()

    async with doors.open(remote=True, own=GatewaySettings(silence_seconds=0.2), demo=silent) as door:
        answer = await door.client((await door.company()).token).get("/v1/things")
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")


async def test_bodies_stream_through(doors: Doors) -> None:
    echo = Echo()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a" * 100_000
        await echo.heard.wait()
        yield b"b" * 100_000

    async with doors.open(remote=True, demo=echo) as door, serve(door.front) as url:
        company = await door.company()
        headers = {"Authorization": f"Bearer {company.token}"}
        async with asyncio.timeout(10), httpx.AsyncClient(base_url=url) as client:
            answer = await client.post("/v1/things", content=pieces(), headers=headers)
    assert answer.content == b"a" * 100_000 + b"b" * 100_000


async def test_a_service_hears_when_its_caller_leaves(doors: Doors) -> None:
    echo = Echo()
    async with doors.open(remote=True, demo=echo) as door, serve(door.front) as url:
        company = await door.company()
        headers = {"Authorization": f"Bearer {company.token}"}
        async with httpx.AsyncClient(base_url=url) as client, client.stream("GET", "/v1/things?hang", headers=headers) as answer:
            assert await anext(answer.aiter_bytes()) == b"begun"
        async with asyncio.timeout(10):
            await echo.left.wait()


async def test_health_is_told_to_everybody(door: Door) -> None:
    client = door.client()
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    ready = await client.get("/readyz")
    names = {manifest.name for manifest in door.mitra.manifests}
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "services": dict.fromkeys(sorted(names), "ready")})
    assert (await client.post("/healthz")).status_code == 404


async def test_the_fronts_lifespan_opens_and_closes_every_application(mitra: Mitra) -> None:
    apps = {manifest.name: create_app(manifest, mitra.settings, clock=mitra.clock) for manifest in discover(mitra.settings.services_path)}
    seen: list[str] = []
    front = build_front(apps, mitra.settings)
    ended = asyncio.Event()
    told = asyncio.Queue[dict[str, str]]()

    async def send(message: object) -> None:
        seen.append(message["type"])  # type: ignore[index]
        ended.set()

    told.put_nowait({"type": "lifespan.startup"})
    living = asyncio.ensure_future(front({"type": "lifespan"}, told.get, send))
    await ended.wait()
    assert seen == ["lifespan.startup.complete"]
    assert isinstance(front, Front)
    assert (await Door(mitra, front).client().get("/readyz")).status_code == 200
    told.put_nowait({"type": "lifespan.shutdown"})
    await living
    assert seen == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_service_that_is_nowhere_is_noticed_at_the_start(mitra: Mitra) -> None:
    with pytest.raises(ServiceUnplaced, match="MITRA_SERVICE_URLS__"):
        build_front({"gateway": mitra.apps["gateway"]}, mitra.settings)


TRICKS = [
    "/internal/contacts/resolve",
    "/v1/../internal/contacts/resolve",
    "/v1/things/../../internal/contacts/resolve",
    "/v1/%2e%2e/internal/contacts/resolve",
    "/v1/%2E%2E%2Finternal%2Fcontacts%2Fresolve",
    "/v1/..%2finternal",
    "/v1/things/%2e%2e/%2e%2e/internal",
    "/v1/things/..;/internal",
    "//internal/contacts/resolve",
    "//v1/internal",
    "/v1//internal",
    "/v1//things",
    "/v1/things//",
    "/v1/./things",
    "/v1/things/.",
    "/v1\\..\\internal",
    "/v1/things%5c..%5cinternal",
    "/v1/things%00",
    "/v1/things/%0d%0aX-Injected:%20yes",
    "/%76%31/%69nternal",
    "/V1/internal",
    "/v1/internal",
    "/v1/demo-openapi.json",
    "/v1/things/%252e%252e/%252e%252e/internal",
    "http://elsewhere/internal/contacts/resolve",
    "/healthz/../internal",
]


async def answer_to(url: str, request: bytes) -> tuple[int, bytes]:
    """What a server answers to bytes that no client library would send."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    await writer.drain()
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    found = re.match(rb"HTTP/1\.1 (\d{3})", answer)
    return (int(found[1]) if found else 0), answer


async def test_no_path_reaches_an_internal_route(door: Door) -> None:
    company = await door.company()
    async with serve(door.front) as url:
        for path in TRICKS:
            request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {company.token}\r\nConnection: close\r\n\r\n"
            status, answer = await answer_to(url, request.encode())
            assert status in (400, 404), (path, answer)
    reached = [path for recorder in door.recorders.values() for path in recorder.paths]
    assert all(path.startswith("/v1/things/") and "/../" not in path for path in reached)


POSES = [
    "AUTHORIZATION: Bearer {a}\r\nauthorization: Bearer {b}",
    "Authorization: Bearer {a}, Bearer {b}",
    "Authorization: Bearer {a} {b}",
    "Authorization: Bearer {a}\r\n Bearer {b}",
    "X-Authorization: Bearer {a}",
    "Proxy-Authorization: Bearer {a}",
    "Authorization: Bearer {internal}",
    "Authorization : Bearer {a}",
    "Connection: close, authorization\r\nAuthorization: Bearer {internal}",
]


async def test_no_header_makes_a_caller_somebody_else(door: Door) -> None:
    one, other = await door.company(), await door.company(name="Other")
    caller = Caller(other.tenant_id, "user:x", other.user_id, frozenset({"*"}))
    internal = Minter(KeyPairs.load(door.mitra.settings.keys_folder, "gateway"), clock=door.mitra.clock).mint(caller, "demo_svc")
    async with serve(door.front) as url:
        for pose in POSES:
            sent = pose.format(a=one.token, b=other.token, internal=internal)
            request = f"GET /v1/things HTTP/1.1\r\nHost: x\r\n{sent}\r\nConnection: close\r\n\r\n"
            status, answer = await answer_to(url, request.encode())
            assert status in (400, 401), (pose, answer)
    assert door.recorders["demo"].paths == []


async def test_no_header_leads_into_another_tenant(door: Door) -> None:
    one, other = await door.company(), await door.company(name="Other")
    assert (await door.client(other.token).post("/v1/things", json={"label": "theirs"})).status_code == 201
    their_id = str(other.tenant_id)
    smuggled = {"X-Tenant": their_id, "X-Mitra-Tenant": their_id, "TenantId": their_id, "Connection": "authorization, x-request-id"}
    listed = await door.client(one.token).get("/v1/things", headers=smuggled)
    assert (listed.status_code, listed.json()["items"]) == (200, [])


async def test_bytes_after_a_request_are_a_request_of_their_own(door: Door) -> None:
    """A GET whose body holds another request: the service behind must not take the rest for one under our token."""
    company = await door.company()
    inner = b"GET /internal/contacts/resolve HTTP/1.1\r\nHost: x\r\n\r\n"
    head = f"GET /v1/things HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {company.token}\r\n"
    async with serve(door.front) as url:
        await answer_to(url, f"{head}Content-Length: {len(inner)}\r\nConnection: close\r\n\r\n".encode() + inner)
        both = f"{head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n".encode() + inner
        status, _ = await answer_to(url, both)
    assert status in (200, 400)
    assert set(door.recorders["demo"].paths) <= {"/v1/things"}
