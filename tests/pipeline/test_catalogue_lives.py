"""The lives of reasons, products and pipelines: every verb in every state, and what the events tell."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import httpx
import pytest

from pipeline_svc.pipelines.queries import find_pipelines
from services.envelope import Envelope
from services.identifiers import new_id
from tests.harness import Mitra
from tests.pipeline import make_catalogue as make

OWN = {"version", "updated_at"}
BODIES = {"reasons": make.reason(), "products": make.product(), "pipelines": make.pipeline()}
VERBS = {"reasons": ["retire"], "products": ["launch", "retire"], "pipelines": ["retire", "reactivate"]}
LIVES: list[tuple[str, list[str], str, dict[str, str]]] = [
    ("reasons", [], "active", {"retire": "retired"}),
    ("reasons", ["retire"], "retired", {}),
    ("products", [], "draft", {"launch": "active"}),
    ("products", ["launch"], "active", {"retire": "retired"}),
    ("products", ["launch", "retire"], "retired", {}),
    ("pipelines", [], "active", {"retire": "retired"}),
    ("pipelines", ["retire"], "retired", {"reactivate": "active"}),
    ("pipelines", ["retire", "reactivate"], "active", {"retire": "retired"}),
]
FACTS = {"launch": "launched", "retire": "retired", "reactivate": "reactivated"}
CHANGED = {"reasons": "updated", "products": "changed", "pipelines": "changed"}
PATCHES: dict[str, dict[str, Any]] = {"reasons": {"text": "Too dear"}, "products": {"name": "Lamp 2"}, "pipelines": {"name": "Sales 2"}}


def told(events: list[Envelope]) -> list[tuple[str, int, list[str]]]:
    return [(event.type.split(".")[2], event.sequence, event.data["changed"]) for event in events]


@pytest.mark.parametrize(("noun", "steps", "state", "fitting"), LIVES, ids=[f"{n}-{'-'.join(s) or 'born'}" for n, s, _, _ in LIVES])
async def test_every_verb_fits_a_state_or_is_refused_and_tells_nothing(
    mitra: Mitra, orders: httpx.AsyncClient, noun: str, steps: list[str], state: str, fitting: dict[str, str]
) -> None:
    for number, verb in enumerate(VERBS[noun]):
        record = await make.create(orders, noun, BODIES[noun] | ({"sku": f"lamp-{number}"} if noun == "products" else {}))
        for step in steps:
            record = (await orders.post(f"/v1/{noun}/{record['id']}/{step}")).json()
        assert record["status"] == state
        before = len(await mitra.outbox("pipeline"))
        answer = await orders.post(f"/v1/{noun}/{record['id']}/{verb}")
        if verb in fitting:
            assert (answer.status_code, answer.json()["status"]) == (200, fitting[verb])
            event = (await mitra.outbox("pipeline"))[-1]
            assert (event.type, event.sequence) == (f"pipeline.{noun[:-1]}.{FACTS[verb]}.v1", record["version"] + 1)
            assert event.data["changed"] == ["status"]
            continue
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["state"], problem["verbs_that_fit"]) == (
            409,
            "wrong_state",
            state,
            list(fitting),
        )
        assert (await orders.get(f"/v1/{noun}/{record['id']}")).json() == record
        assert len(await mitra.outbox("pipeline")) == before


@pytest.mark.parametrize("noun", BODIES)
async def test_folding_the_events_of_a_record_gives_its_read(mitra: Mitra, orders: httpx.AsyncClient, noun: str) -> None:
    record = await make.create(orders, noun, BODIES[noun])
    path = f"/v1/{noun}/{record['id']}"
    for _ in range(2):
        changed = await orders.patch(path, json=PATCHES[noun], headers={"If-Match": "*"})
        assert changed.status_code == 200
    for verb in ("archive", "archive", "restore", "restore"):
        assert (await orders.post(f"{path}/{verb}")).status_code == 200
    read = (await orders.get(path)).json()
    events = await mitra.outbox("pipeline")
    (field,) = PATCHES[noun]
    assert told(events) == [
        ("created", 1, []),
        (CHANGED[noun], 2, [field]),
        ("archived", 3, ["archived_at"]),
        ("restored", 4, ["archived_at"]),
    ]
    assert events[-1].data["state"] == {name: value for name, value in read.items() if name not in OWN}
    assert {event.subject for event in events} == {f"{noun[:-1]}/{record['id']}"}


@pytest.mark.parametrize("noun", BODIES)
async def test_a_patch_needs_the_version_that_was_read(mitra: Mitra, orders: httpx.AsyncClient, noun: str) -> None:
    path = f"/v1/{noun}/{(await make.create(orders, noun, BODIES[noun]))['id']}"
    statuses = [
        (await orders.patch(path, json=PATCHES[noun], headers=headers)).status_code
        for headers in ({}, {"If-Match": '"7"'}, {"If-Match": '"1"'}, {"If-Match": '"1"'})
    ]
    assert statuses == [428, 412, 200, 412]
    assert len(await mitra.outbox("pipeline")) == 2


@pytest.mark.parametrize("noun", BODIES)
async def test_an_external_id_names_one_record(mitra: Mitra, orders: httpx.AsyncClient, noun: str) -> None:
    named = BODIES[noun] | {"external_ids": [{"source": "erp", "id": "1"}]}
    first = await make.create(orders, noun, named)
    other = named | ({"sku": "desk"} if noun == "products" else {})
    refused = await orders.post(f"/v1/{noun}", json=other)
    assert (refused.status_code, refused.json()["code"]) == (409, "external_id_taken")
    second = await make.create(orders, noun, other | {"external_ids": [{"source": "erp", "id": "2"}]})
    path = f"/v1/{noun}/{second['id']}"
    refused = await orders.patch(path, json={"external_ids": named["external_ids"]}, headers={"If-Match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (409, "external_id_taken")
    freed = await orders.patch(f"/v1/{noun}/{first['id']}", json={"external_ids": []}, headers={"If-Match": "*"})
    assert freed.status_code == 200
    assert (await orders.patch(path, json={"external_ids": named["external_ids"]}, headers={"If-Match": "*"})).status_code == 200
    assert len(await mitra.outbox("pipeline")) == 4


@pytest.mark.parametrize("noun", BODIES)
async def test_a_batch_creates_upserts_changes_and_archives_each_with_an_answer_of_its_own(
    mitra: Mitra, orders: httpx.AsyncClient, noun: str
) -> None:
    sku = [{"sku": f"lamp-{n}"} if noun == "products" else {} for n in range(4)]
    key = {"source": "erp", "id": "1"}
    results = await make.batch(
        orders,
        noun,
        [
            {"op": "create", "data": BODIES[noun] | sku[0]},
            {"op": "create", "data": {"nonsense": 1}},
            {"op": "upsert", "key": key, "data": BODIES[noun] | sku[1]},
            {"op": "upsert", "key": key, "data": BODIES[noun] | sku[1]},
            {"op": "archive", "id": str(new_id())},
        ],
    )
    assert [result["status"] for result in results] == [201, 422, 201, 200, 404]
    assert results[2]["id"] == results[3]["id"]
    assert Counter(event.type for event in await mitra.outbox("pipeline")) == {f"pipeline.{noun[:-1]}.created.v1": 2}
    results = await make.batch(
        orders,
        noun,
        [
            {"op": "upsert", "key": key, "data": BODIES[noun] | sku[1] | PATCHES[noun]},
            {"op": "update", "id": results[0]["id"], "if_match": 1, "data": PATCHES[noun]},
            {"op": "archive", "id": results[0]["id"]},
        ],
    )
    assert [(result["status"], (result.get("problem") or {}).get("code")) for result in results] == [
        (200, None),
        (200, None),
        (409, "changed_twice"),
    ]
    (field,) = PATCHES[noun]
    assert told((await mitra.outbox("pipeline"))[2:]) == [(CHANGED[noun], 2, [field])] * 2


@pytest.mark.parametrize("noun", BODIES)
async def test_with_one_key_a_record_is_born_once(mitra: Mitra, orders: httpx.AsyncClient, noun: str) -> None:
    answers = [await orders.post(f"/v1/{noun}", json=BODIES[noun], headers={"Idempotency-Key": "k"}) for _ in range(3)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert len(await mitra.outbox("pipeline")) == 1


@pytest.mark.parametrize(
    ("noun", "fields", "pointer"),
    [
        ("reasons", {"kind": "bored"}, "/kind"),
        ("reasons", {"text": ""}, "/text"),
        ("products", {"sku": "a b"}, "/sku"),
        ("products", {"unit_cost_minor": 5}, ""),
        ("products", {"unit_cost_minor": 5, "currency": "XXX"}, "/currency"),
        ("products", {"tax_bps": 10_001}, "/tax_bps"),
        ("products", {"category_id": str(new_id())}, "/category_id"),
        ("pipelines", {"currency": "usd"}, "/currency"),
        ("pipelines", {"stages": []}, "/stages"),
        ("pipelines", {"stages": make.STAGES[:3]}, "/stages"),
        ("pipelines", {"stages": [*make.STAGES, make.STAGES[0]]}, "/stages/4/key"),
        ("pipelines", {"stages": [{"key": "a", "name": "A"}, *make.STAGES]}, "/stages/0/probability_bps"),
        (
            "pipelines",
            {"stages": [*make.STAGES, {"key": "w", "name": "W", "kind": "won", "probability_bps": 9_999}]},
            "/stages/4/probability_bps",
        ),
        ("pipelines", {"stages": [*make.STAGES, {"key": "w", "name": "W", "kind": "won", "rotting_days": 3}]}, "/stages/4/rotting_days"),
        ("pipelines", {"stages": [*make.STAGES[1:], make.STAGES[0] | {"required_fields": ["id"]}]}, "/stages/3/required_fields/0"),
    ],
)
async def test_what_is_not_sound_is_refused_where_it_is_wrong(
    mitra: Mitra, orders: httpx.AsyncClient, noun: str, fields: dict[str, Any], pointer: str
) -> None:
    refused = await orders.post(f"/v1/{noun}", json=BODIES[noun] | fields)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert await mitra.outbox("pipeline") == []


async def test_a_sku_names_one_product(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    await make.create(orders, "products", make.product())
    desk = await make.create(orders, "products", make.product(sku="desk"))
    refused = [
        await orders.post("/v1/products", json=make.product()),
        await orders.patch(f"/v1/products/{desk['id']}", json={"sku": "lamp"}, headers={"If-Match": "*"}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(409, "sku_taken")] * 2
    results = await make.batch(orders, "products", [{"op": "create", "data": make.product(sku=sku)} for sku in ("a", "lamp", "b", "a")])
    assert [result["status"] for result in results] == [201, 409, 201, 409]
    assert len(await mitra.outbox("pipeline")) == 4


@pytest.mark.parametrize(
    ("noun", "wanted", "found"),
    [
        ("reasons", 'kind = "won"', 1),
        ("reasons", 'text : "pri" AND status = "active"', 1),
        ("products", 'sku = "b" OR name : "desk"', 2),
        ("products", 'kind = "service" AND tier > 1 AND line = "x" AND brand = null', 1),
        ("products", 'status = "draft" AND updated_at >= days_ago(1)', 3),
        ("pipelines", 'currency = "EUR" AND name = "Europe" AND status = "active"', 1),
    ],
)
async def test_records_are_found_by_what_is_known_of_them(orders: httpx.AsyncClient, noun: str, wanted: str, found: int) -> None:
    bodies = {
        "reasons": [make.reason(), make.reason(kind="won", text="Quality")],
        "products": [make.product(), make.product(sku="b", kind="service", tier=2, line="x"), make.product(sku="c", name="Desk")],
        "pipelines": [make.pipeline(), make.pipeline(name="Europe", currency="EUR")],
    }
    for body in bodies[noun]:
        await make.create(orders, noun, body)
    listed = (await orders.get(f"/v1/{noun}", params={"filter": wanted})).json()["items"]
    assert listed == (await orders.post(f"/v1/{noun}/search", json={"filter": wanted})).json()["items"]
    assert len(listed) == found


@pytest.mark.parametrize(
    ("noun", "order_by"),
    [
        ("reasons", "text"),
        ("products", "name"),
        ("products", "-sku"),
        ("products", "updated_at"),
        ("pipelines", "name"),
        ("pipelines", "-created_at"),
    ],
)
async def test_records_come_in_each_order_page_by_page(orders: httpx.AsyncClient, noun: str, order_by: str) -> None:
    named = {"reasons": "text", "products": "name", "pipelines": "name"}[noun]
    for name in ("b", "a", "c"):
        await make.create(orders, noun, BODIES[noun] | {named: name} | ({"sku": name} if noun == "products" else {}))
    seen: list[dict[str, Any]] = []
    query: dict[str, Any] = {"order_by": order_by, "page_size": 1}
    while query.get("cursor", "") is not None:
        page = (await orders.get(f"/v1/{noun}", params=query)).json()
        seen += page["items"]
        query["cursor"] = page["next_cursor"]
    values = [each[order_by.removeprefix("-")] for each in seen]
    assert (len(seen), values) == (3, sorted(values, reverse=order_by.startswith("-")))


async def test_a_tenant_has_no_pipeline_until_it_makes_one_in_one_call(mitra: Mitra, orders: httpx.AsyncClient, tenant_id: UUID) -> None:
    assert (await orders.get("/v1/pipelines")).json()["items"] == []
    pipeline = await make.create(orders, "pipelines", make.pipeline())
    assert [(stage["key"], stage["kind"], stage["probability_bps"], stage["status"]) for stage in pipeline["stages"]] == [
        ("new", "open", 1_000, "active"),
        ("talk", "open", 4_000, "active"),
        ("won", "won", 10_000, "active"),
        ("lost", "lost", 0, "active"),
    ]
    (event,) = await mitra.outbox("pipeline")
    assert (event.subject, event.partition_key) == (f"pipeline/{pipeline['id']}", f"{tenant_id}:{pipeline['id']}")


async def test_a_stage_that_is_left_out_is_retired_and_is_the_same_when_it_comes_back(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    pipeline = await make.create(orders, "pipelines", make.pipeline())
    path, ids = f"/v1/pipelines/{pipeline['id']}/stages", make.stage_ids(pipeline)
    demo = {
        "key": "demo",
        "name": "Demo",
        "probability_bps": 6_000,
        "rotting_days": 14,
        "required_fields": ["amount_minor", "amount_minor"],
    }
    stages = [demo, make.STAGES[0], *make.STAGES[2:]]
    put = await orders.put(path, json={"stages": stages}, headers={"If-Match": '"1"'})
    assert [(stage["key"], stage["status"]) for stage in put.json()["stages"]] == [
        ("demo", "active"),
        ("new", "active"),
        ("won", "active"),
        ("lost", "active"),
        ("talk", "retired"),
    ]
    assert put.json()["stages"][0]["required_fields"] == ["amount_minor"]
    assert make.stage_ids(put.json()).items() >= ids.items()
    again = await orders.put(path, json={"stages": stages}, headers={"If-Match": '"2"'})
    assert again.json() == put.json()
    back = await orders.put(path, json={"stages": make.STAGES}, headers={"If-Match": '"2"'})
    assert make.stage_ids(back.json()) == make.stage_ids(put.json())
    assert [stage["status"] for stage in back.json()["stages"]] == ["active"] * 4 + ["retired"]
    assert told(await mitra.outbox("pipeline")) == [("created", 1, []), ("changed", 2, ["stages"]), ("changed", 3, ["stages"])]
    refused = await orders.put(
        path,
        json={"stages": [*make.STAGES, demo | {"kind": "won", "rotting_days": None, "probability_bps": None}]},
        headers={"If-Match": "*"},
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "stage_kind_fixed")
    assert (await orders.put(path, json={"stages": make.STAGES})).status_code == 428


async def test_an_upsert_of_a_pipeline_changes_its_name_and_stages_in_one_event(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    key = {"source": "erp", "id": "1"}
    bodies = [make.pipeline(), make.pipeline(name="Sales 2", stages=make.STAGES[1:])]
    for body in (bodies[0], bodies[0], bodies[1], bodies[1]):
        (result,) = await make.batch(orders, "pipelines", [{"op": "upsert", "key": key, "data": body}])
    assert (result["status"], result["version"]) == (200, 2)
    assert told(await mitra.outbox("pipeline")) == [("created", 1, []), ("changed", 2, ["name", "stages"])]


async def test_the_kind_of_a_reason_is_fixed(orders: httpx.AsyncClient) -> None:
    key = {"source": "erp", "id": "1"}
    operations = [{"op": "upsert", "key": key, "data": make.reason(kind=kind)} for kind in ("lost", "won")]
    results = await make.batch(orders, "reasons", operations)
    assert [(result["status"], (result.get("problem") or {}).get("code")) for result in results] == [(201, None), (409, "kind_fixed")]


async def test_an_upsert_that_is_refused_leaves_its_key_free(orders: httpx.AsyncClient) -> None:
    await make.create(orders, "products", make.product())
    taken = {"op": "upsert", "key": {"source": "erp", "id": "1"}, "data": make.product()}
    assert [result["status"] for result in await make.batch(orders, "products", [taken, taken])] == [409, 409]
    free = taken | {"data": make.product(sku="desk")}
    assert [result["status"] for result in await make.batch(orders, "products", [free])] == [201]


@pytest.mark.parametrize("noun", BODIES)
async def test_of_twenty_batches_with_the_same_keys_each_key_is_born_once(mitra: Mitra, orders: httpx.AsyncClient, noun: str) -> None:
    def upsert(number: int) -> dict[str, Any]:
        body = BODIES[noun] | ({"sku": f"lamp-{number}"} if noun == "products" else {})
        return {"op": "upsert", "key": {"source": "erp", "id": str(number)}, "data": body}

    forwards = [upsert(number) for number in range(8)]
    batches = [forwards if turn % 2 else forwards[::-1] for turn in range(20)]
    answers = await asyncio.gather(*(make.batch(orders, noun, batch) for batch in batches))
    statuses = Counter(result["status"] for results in answers for result in results)
    assert statuses == {201: 8, 200: 152}
    ids = {result["id"] for results in answers for result in results}
    events = await mitra.outbox("pipeline")
    assert ({event.data["state"]["id"] for event in events}, len(events)) == (ids, 8)


async def test_a_pipeline_that_was_only_looked_up_cannot_be_changed(mitra: Mitra) -> None:
    """No event would tell of the change, and nothing would write it."""
    tenant_id = await mitra.new_tenant()
    made = await make.create(mitra.client("pipeline", mitra.caller(tenant_id)), "pipelines", make.pipeline())
    async with mitra.session("pipeline", tenant_id) as session:
        (found,) = (await find_pipelines(session, [UUID(made["id"])])).values()
        assert (str(found.id), found.name) == (made["id"], made["name"])
        with pytest.raises(AttributeError):
            found.name = "another"
