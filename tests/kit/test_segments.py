"""Routes grouped by first segment: the same answers as without groups."""

import httpx
import pytest

from tests.harness import Mitra


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/things", 200),
        ("POST", "/v1/things", 422),
        ("DELETE", "/v1/things", 405),
        ("GET", "/v1/things/01900000-0000-7000-8000-000000000000", 404),
        ("GET", "/v1/things/01900000-0000-7000-8000-000000000000/use", 405),
        ("GET", "/v1/things-of-another-kind", 404),
        ("GET", "/v1/thing", 404),
        ("GET", "/v1/demo-jobs/01900000-0000-7000-8000-000000000000", 404),
        ("GET", "/healthz", 200),
        ("GET", "/", 404),
    ],
)
async def test_a_request_is_answered_by_the_route_that_fits(mitra: Mitra, method: str, path: str, status: int) -> None:
    client: httpx.AsyncClient = mitra.client("demo", mitra.caller(await mitra.new_tenant()))
    answer = await client.request(method, path, json={} if method == "POST" else None)
    assert answer.status_code == status, answer.text
