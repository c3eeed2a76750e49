"""Lists and batches of opportunities: what can be asked, in which order they come, and what many at once are answered."""

from collections import Counter
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.identifiers import new_id
from tests.harness import Mitra
from tests.pipeline import make_catalogue as catalogue
from tests.pipeline import make_opportunities as make
from tests.pipeline.make_opportunities import Selling

OWNER, CONTACT = "0190a0a0-0000-7000-8000-00000000002e", "0190a0a0-0000-7000-8000-00000000002f"
FIELDS: dict[str, dict[str, Any]] = {
    "small": {"name": "small", "amount_minor": 5, "opened_at": "2026-01-01T12:00:00Z", "contact_id": CONTACT, "tags": ["a", "b"]},
    "manual": {"name": "manual", "amount_minor": 700, "probability_bps": 9_000, "source": "fair", "opened_at": "2026-02-01T12:00:00Z"},
    "won": {"name": "won", "owner_id": OWNER, "channel": "indirect", "partner_id": CONTACT, "opened_at": "2025-12-01T12:00:00Z"},
    "late": {"name": "late", "expected_close_on": "2026-06-30", "campaign_id": OWNER, "currency": "EUR", "contact_id": CONTACT},
}


@pytest.fixture
async def sales(orders: httpx.AsyncClient) -> Selling:
    return await make.selling(orders)


@pytest.fixture
async def four(sales: Selling) -> dict[str, dict[str, Any]]:
    opened = {name: await sales.open(**fields) for name, fields in FIELDS.items()}
    opened["won"] = await sales.act(opened["won"]["id"], "win", at="2026-01-15T12:00:00Z", reason_id=sales.reasons["won"])
    return opened


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", "small manual won late"),
        ('name : "A"', "small manual late"),
        (f'contact_id = "{CONTACT}"', "small late"),
        ('pipeline_id = "{pipeline}" AND stage_id = "{new}"', "small manual late"),
        ('status = "won" AND reason_id = "{reason}"', "won"),
        ('currency = "EUR"', "late"),
        ("amount_minor > 5 AND amount_minor < 1000", "manual"),
        ('probability_bps >= 9000 AND probability_source = "manual"', "manual"),
        ('expected_close_on <= "2026-06-30"', "late"),
        ('opened_at < "2026-01-01T12:00:01Z" AND stage_since > "2026-01-01T12:00:01Z"', "won"),
        ("closed_at != null AND stalled_since = null", "won"),
        ('source = "fair" OR channel = "indirect"', "manual won"),
        (f'partner_id = "{CONTACT}" OR campaign_id = "{OWNER}"', "won late"),
        ("owner_id = me", "won"),
        ('tags : "b"', "small"),
        ("created_at >= days_ago(1) AND updated_at <= now", "small manual won late"),
    ],
)
async def test_opportunities_are_found_by_what_is_known_of_them(
    mitra: Mitra, tenant_id: UUID, sales: Selling, four: dict[str, dict[str, Any]], wanted: str, found: str
) -> None:
    for name, value in (("pipeline", sales.pipeline["id"]), ("new", sales.stages["new"]), ("reason", sales.reasons["won"])):
        wanted = wanted.replace(f"{{{name}}}", value)
    asking = mitra.client("pipeline", mitra.caller(tenant_id, user_id=UUID(OWNER)))
    listed = (await asking.get("/v1/opportunities", params={"filter": wanted})).json()["items"]
    assert listed == (await asking.post("/v1/opportunities/search", json={"filter": wanted})).json()["items"]
    assert listed == [four[name] for name in reversed(FIELDS) if name in found.split()]


@pytest.mark.parametrize(
    ("order_by", "names"),
    [
        ("created_at", "small manual won late"),
        ("-updated_at", "won late manual small"),
        ("opened_at", "won small manual late"),
        ("stage_since", "small won manual late"),
        ("amount_minor", "small manual won late"),
        ("-amount_minor", "late won manual small"),
    ],
)
async def test_opportunities_come_in_each_order_page_by_page(
    sales: Selling, four: dict[str, dict[str, Any]], order_by: str, names: str
) -> None:
    seen: list[str] = []
    query: dict[str, Any] = {"order_by": order_by, "page_size": 1}
    while query.get("cursor", "") is not None:
        page = (await sales.client.get("/v1/opportunities", params=query)).json()
        seen += [each["name"] for each in page["items"]]
        query["cursor"] = page["next_cursor"]
    assert (seen, len(seen)) == (names.split(), len(four))


@pytest.mark.parametrize("query", [{"filter": "next_step = null"}, {"order_by": "name"}, {"filter": 'status > "a"'}])
async def test_what_cannot_be_asked_is_refused(sales: Selling, query: dict[str, Any]) -> None:
    assert (await sales.client.get("/v1/opportunities", params=query)).status_code == 422


async def test_opportunities_of_another_tenant_are_not_there(mitra: Mitra, sales: Selling, four: dict[str, dict[str, Any]]) -> None:
    stranger = mitra.client("pipeline", mitra.caller(await mitra.new_tenant()))
    assert (await stranger.get("/v1/opportunities")).json()["items"] == []
    path = f"/v1/opportunities/{four['late']['id']}"
    for verb in ("move", "win", "lose", "reopen", "archive", "restore"):
        assert (await stranger.post(f"{path}/{verb}", json=sales.arguments(verb))).status_code == 404
    assert (await stranger.post(f"{path}/assign", json={"owner_id": OWNER})).status_code == 404
    assert (await stranger.get(f"{path}/stage-history")).status_code == 404
    many = await stranger.post("/v1/opportunities/batch/win", json={"items": [{"id": four["late"]["id"]}]})
    assert [result["status"] for result in many.json()["results"]] == [404]
    refused = await stranger.post("/v1/opportunities", json=sales.body())
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "unknown_pipeline")


async def test_a_batch_opens_upserts_changes_and_archives_each_with_an_answer_of_its_own(mitra: Mitra, sales: Selling) -> None:
    key = {"source": "erp", "id": "1"}
    results = await catalogue.batch(
        sales.client,
        "opportunities",
        [
            {"op": "create", "data": sales.body()},
            {"op": "create", "data": sales.body(pipeline_id=str(new_id()))},
            {"op": "upsert", "key": key, "data": sales.body()},
            {"op": "upsert", "key": key, "data": sales.body()},
        ],
    )
    assert [(result["status"], (result.get("problem") or {}).get("code")) for result in results] == [
        (201, None),
        (422, "invalid"),
        (201, None),
        (200, None),
    ]
    assert results[1]["problem"]["errors"][0]["pointer"] == "/operations/1/data/pipeline_id"
    results = await catalogue.batch(
        sales.client,
        "opportunities",
        [
            {"op": "upsert", "key": key, "data": sales.body(amount_minor=7, stage_id=sales.stages["talk"])},
            {"op": "archive", "id": results[0]["id"]},
            {"op": "create", "data": sales.body(external_ids=[key])},
        ],
    )
    assert [(result["status"], result["version"]) for result in results] == [(200, 2), (200, 2), (409, None)]
    read = await sales.read(results[0]["id"])
    assert (read["amount_minor"], read["stage_id"]) == (7, sales.stages["new"]), "where it was born is no content"
    types = Counter(event.type for event in await mitra.outbox("pipeline") if ".opportunity." in event.type)
    assert types == {f"pipeline.opportunity.{fact}.v1": n for fact, n in (("created", 2), ("updated", 1), ("archived", 1))}


async def test_many_are_moved_won_and_lost_as_one_would_be(mitra: Mitra, sales: Selling) -> None:
    opened = [await sales.open(opened_at="2026-01-01T00:00:00Z") for _ in range(3)]
    one = await sales.open(opened_at="2026-01-01T00:00:00Z")
    ids = [each["id"] for each in opened]
    at = {"at": "2026-01-03T00:00:00Z"}
    talk = {"stage_id": sales.stages["talk"]}

    async def many(verb: str, items: list[dict[str, Any]]) -> list[tuple[int, str | None]]:
        answer = await sales.client.post(f"/v1/opportunities/batch/{verb}", json={"items": items})
        assert answer.status_code == 200, answer.text
        found = [(result["status"], (result["problem"] or {}).get("code")) for result in answer.json()["results"]]
        assert (answer.json()["accepted"], len(found)) == (sum(status == 200 for status, _ in found), len(items))
        return found

    moves = [{"id": each} | talk | at for each in [*ids, ids[0], str(new_id())]]
    assert await many("move", moves) == [(200, None)] * 3 + [(409, "changed_twice"), (404, "not_found")]
    assert await many("move", moves[:1]) == [(200, None)]
    lost = {"reason_id": sales.reasons["lost"]}
    assert await many("lose", [{"id": ids[0]} | lost, {"id": ids[1], "reason_id": sales.reasons["won"]}]) == [(200, None), (422, "invalid")]
    assert await many("win", [{"id": each, "at": "2026-01-05T00:00:00Z"} for each in ids]) == [
        (409, "wrong_state"),
        (200, None),
        (200, None),
    ]
    await sales.act(one["id"], "move", **at)
    await sales.act(one["id"], "win", at="2026-01-05T00:00:00Z")
    alike = []
    for opportunity_id in (ids[1], one["id"]):
        read = await sales.read(opportunity_id)
        stays = await sales.history(opportunity_id)
        events = [event for event in await mitra.outbox("pipeline") if event.subject == f"opportunity/{opportunity_id}"]
        told = [(event.type, event.sequence, event.time, event.data["changed"]) for event in events]
        alike.append(({name: value for name, value in read.items() if name not in ("id", "created_at", "updated_at")}, stays, told))
    assert alike[0] == alike[1]


async def test_where_a_field_of_many_is_wrong_the_pointer_says_of_which(sales: Selling) -> None:
    opened = [(await sales.open())["id"] for _ in range(2)]
    items = [{"id": opened[0]}, {"id": opened[1], "at": "2030-01-01T00:00:00Z"}]
    answer = await sales.client.post("/v1/opportunities/batch/win", json={"items": items})
    assert answer.json()["results"][1]["problem"]["errors"][0]["pointer"] == "/items/1/at"
    assert [result["status"] for result in answer.json()["results"]] == [200, 422]
