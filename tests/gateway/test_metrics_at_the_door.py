"""The door is public, so its metrics are for operators only; what it refuses itself is counted there."""

import pytest

from tests.gateway.conftest import Door
from tests.kit.test_metrics import Page


async def read(door: Door) -> Page:
    async with await door.operator() as operator:
        answer = await operator.get("/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return Page(answer.text)


async def test_only_an_operators_key_finds_the_metrics(near_door: Door) -> None:
    company = await near_door.company()
    for token in (None, "mk_nothing_known", company.token):
        refused = await near_door.client(token).get("/metrics")
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert (await (await near_door.operator()).post("/metrics")).status_code == 404
    await read(near_door)


@pytest.mark.parametrize(
    ("path", "code"), [("/v1/orders", "unauthenticated"), ("/metrics", "not_found"), ("/v1/nothing", "not_found")], ids=str
)
async def test_what_the_door_refuses_is_counted_by_its_code(near_door: Door, path: str, code: str) -> None:
    before = (await read(near_door)).value("mitra_door_refusals_total", code=code)
    for _ in range(2):
        assert (await near_door.client().get(path)).json()["code"] == code
    assert (await read(near_door)).value("mitra_door_refusals_total", code=code) == before + 2


async def test_the_doors_page_shows_what_the_applications_of_its_process_answered(near_door: Door) -> None:
    company = await near_door.company()
    labels = {"service": "gateway", "operation": "users.list", "status": "200"}
    before = (await read(near_door)).value("mitra_http_request_seconds_count", **labels)
    assert (await near_door.client(company.token).get("/v1/users")).status_code == 200
    assert (await read(near_door)).value("mitra_http_request_seconds_count", **labels) == before + 1
