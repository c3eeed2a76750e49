"""How orders are born: what is worked out, what is refused, and which day it is."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tenants import Tenant, business_day
from tests.harness import Mitra
from tests.pipeline import make

ZONES = [
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Asia/Kolkata",
    "Europe/Berlin",
    "UTC",
    "America/St_Johns",
    "America/New_York",
    "Pacific/Niue",
]


async def test_a_line_is_completed_and_the_order_adds_up(orders: httpx.AsyncClient) -> None:
    product_id = str(uuid4())
    full = {
        "line_no": 7,
        "product_id": product_id,
        "sku": "SKU-1",
        "description": "A lamp",
        "category": "Lamps",
        "product_line": "Home",
        "tier": 2,
        "quantity": 3,
        "unit_price_minor": 500,
        "discount_minor": 100,
        "tax_minor": 224,
        "unit_cost_minor": 310,
    }
    order = await make.create(orders, make.placed(lines=[full, {"amount_minor": 2933, "quantity": 2, "unit_cost_minor": 1000}]))
    assert order["lines"][0] == full | {"amount_minor": 1624, "fulfilled_quantity": 0, "returned_quantity": 0}
    second = order["lines"][1]
    assert [second[name] for name in ("line_no", "quantity", "unit_price_minor", "discount_minor", "amount_minor")] == [2, 2, 1467, 1, 2933]
    assert (order["total_minor"], order["margin_minor"]) == (4557, 4557 - 224 - 930 - 2000)
    assert (await orders.get(f"/v1/orders/{order['id']}")).json() == order


async def test_an_order_of_which_only_the_total_is_known_has_one_line(orders: httpx.AsyncClient) -> None:
    order = await make.create(orders, make.placed(lines=None, total_minor=1177, paid=True))
    assert [(line["line_no"], line["quantity"], line["amount_minor"], line["sku"]) for line in order["lines"]] == [(1, 1, 1177, None)]
    assert (order["total_minor"], order["paid_minor"], order["margin_minor"], order["payment_status"]) == (1177, 1177, None, "paid")


async def test_an_order_of_nothing_is_a_purchase(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    order = await make.create(orders, make.placed(lines=None, total_minor=0, paid=True, fulfilled=True))
    assert (order["status"], order["total_minor"], order["payment_status"]) == ("placed", 0, "unpaid")
    assert [event.type for event in await mitra.outbox("pipeline")] == ["pipeline.order.placed.v1"]


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"currency": "XYZ"}, "/currency", "unknown_currency"),
        ({"currency": "XAU"}, "/currency", "unknown_currency"),
        ({"currency": "usd"}, "/currency", "string_pattern_mismatch"),
        ({"contact_id": "me"}, "/contact_id", "uuid_parsing"),
        ({"lines": None}, "", "missing"),
        ({"lines": []}, "/lines", "too_short"),
        ({"lines": [{"amount_minor": 1}] * 1001}, "/lines", "too_long"),
        ({"lines": [{"amount_minor": -1}]}, "/lines/0/amount_minor", "greater_than_equal"),
        ({"lines": [{"amount_minor": 11.77}]}, "/lines/0/amount_minor", "int_type"),
        ({"lines": [{"amount_minor": "1177"}]}, "/lines/0/amount_minor", "int_type"),
        ({"lines": [{"amount_minor": 2**53 + 1}]}, "/lines/0/amount_minor", "less_than_equal"),
        ({"lines": [{"amount_minor": 1, "quantity": 0}]}, "/lines/0/quantity", "greater_than_equal"),
        ({"lines": [{"amount_minor": 1, "quantity": 10**9 + 1}]}, "/lines/0/quantity", "less_than_equal"),
        ({"lines": [{"amount_minor": 1, "colour": "red"}]}, "/lines/0/colour", "extra_forbidden"),
        ({"lines": [{"sku": "lamp"}]}, "/lines/0/amount_minor", "missing"),
        ({"lines": [{"amount_minor": 9, "unit_price_minor": 10}]}, "/lines/0/amount_minor", "amount_differs"),
        ({"lines": [{"amount_minor": 2**53}] * 2}, "/lines", "amount_out_of_range"),
        ({"total_minor": 999}, "/total_minor", "amount_differs"),
        ({"total_minor": -1, "lines": None}, "/total_minor", "greater_than_equal"),
        ({"status": "completed"}, "/status", "literal_error"),
        ({"paid": True}, "", "draft"),
        ({"placed_at": "2026-01-01T00:00:00Z"}, "", "draft"),
        ({"status": "placed", "placed_at": "2026-03-02T09:10:00Z"}, "/placed_at", "in_the_future"),
        ({"status": "placed", "placed_at": "1000-01-01T00:00:00Z"}, "/placed_at", "too_early"),
        ({"status": "placed", "placed_at": "2026-01-01T00:00:00"}, "/placed_at", "timezone_aware"),
        ({"channel": "by phone"}, "/channel", "string_pattern_mismatch"),
        ({"number": ""}, "/number", "string_pattern_mismatch"),
        ({"tags": [" x"]}, "/tags/0", "string_pattern_mismatch"),
        ({"id": str(uuid4())}, "/id", "extra_forbidden"),
    ],
)
async def test_what_cannot_be_an_order_is_refused_with_its_place(
    mitra: Mitra, orders: httpx.AsyncClient, fields: dict[str, Any], pointer: str, code: str
) -> None:
    refused = await orders.post("/v1/orders", json=make.order(**fields))
    assert refused.status_code == 422, refused.text
    assert (refused.json()["errors"][0]["pointer"], refused.json()["errors"][0]["code"]) == (pointer, code)
    assert await mitra.outbox("pipeline") == []


async def test_the_largest_order_that_is_taken_can_still_be_moved_whole(orders: httpx.AsyncClient) -> None:
    line = {"amount_minor": 10**9, "quantity": 10**9, "category": "c" * 100, "description": "d" * 1000}
    fitting, too_many = 1, 1000
    while too_many - fitting > 1:
        half = (fitting + too_many) // 2
        answer = await orders.post("/v1/orders", json=make.placed(lines=[line] * half))
        assert (answer.status_code, answer.json().get("code")) in ((201, None), (413, "event_too_large"))
        fitting, too_many = (half, too_many) if answer.status_code == 201 else (fitting, half)
    assert 500 < fitting < 700
    order = await make.create(orders, make.placed(lines=[line] * fitting))
    for verb in ("pay", "fulfill", "return", "refund"):
        order = await make.act(orders, order["id"], verb)
    assert (order["total_minor"], order["fulfilment_status"]) == (fitting * 10**9, "returned")


async def test_numbers_are_made_or_given_and_are_unique_in_a_tenant(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    made = await make.create(orders, make.placed(placed_at="2025-12-31T12:00:00Z"))
    assert made["number"].startswith("251231-")
    given = await make.create(orders, make.order(number="A/2026-0001"))
    assert given["number"] == "A/2026-0001"
    refused = await orders.post("/v1/orders", json=make.order(number="A/2026-0001"))
    assert (refused.status_code, refused.json()["code"]) == (409, "number_taken")
    stranger = mitra.client("pipeline", mitra.caller(await mitra.new_tenant()))
    assert (await make.create(stranger, make.order(number="A/2026-0001")))["number"] == "A/2026-0001"
    assert len(await mitra.outbox("pipeline")) == 3


async def test_an_external_id_names_one_order(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    first, second = ({"source": "shop", "id": name} for name in "12")
    order = await make.create(orders, make.order(external_ids=[first, first]))
    assert order["external_ids"] == [first]
    refused = await orders.post("/v1/orders", json=make.order(external_ids=[second, first]))
    assert (refused.status_code, refused.json()["code"]) == (409, "external_id_taken")
    other = await make.create(orders, make.order(external_ids=[second]))
    assert other["external_ids"] == [second]
    assert len(await mitra.outbox("pipeline")) == 2


@pytest.mark.parametrize("contact", ["0190b2c0-0000-7000-8000-00000000dead"])
async def test_a_contact_that_pipeline_has_not_heard_of_may_buy(orders: httpx.AsyncClient, tenant_id: UUID, contact: str) -> None:
    assert (await make.create(orders, make.placed(contact_id=contact)))["contact_id"] == contact


async def test_a_tenant_that_pipeline_has_not_heard_of_must_wait(mitra: Mitra) -> None:
    answer = await mitra.client("pipeline", mitra.caller(uuid4())).post("/v1/orders", json=make.order())
    assert (answer.status_code, answer.json()["code"]) == (503, "tenant_not_ready")


@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        ("America/New_York", "2025-03-09T04:59:59Z", "2025-03-08"),
        ("America/New_York", "2025-03-09T05:00:00Z", "2025-03-09"),
        ("America/New_York", "2025-03-10T03:59:59Z", "2025-03-09"),
        ("America/New_York", "2025-11-03T04:59:59Z", "2025-11-02"),
        ("Europe/Berlin", "2025-10-25T22:00:00Z", "2025-10-26"),
        ("Europe/Berlin", "2025-10-26T23:00:00Z", "2025-10-27"),
        ("Asia/Kolkata", "2026-01-31T18:29:59Z", "2026-01-31"),
        ("Asia/Kolkata", "2026-01-31T18:30:00Z", "2026-02-01"),
        ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"),
        ("Pacific/Kiritimati", "2026-01-01T10:00:00Z", "2026-01-02"),
        ("UTC", "2026-01-01T00:30:00+01:00", "2025-12-31"),
    ],
)
async def test_an_order_is_placed_on_the_day_that_its_tenant_had(mitra: Mitra, zone: str, at: str, day: str) -> None:
    orders = mitra.client("pipeline", mitra.caller(await mitra.new_tenant(time_zone=zone)))
    assert (await make.create(orders, make.placed(placed_at=at)))["placed_on"] == day
    draft = await make.create(orders, make.order())
    assert (await make.act(orders, draft["id"], "place", at=at))["placed_on"] == day


instants = st.datetimes(*(datetime.fromisoformat(f"{day}T00:00:00") for day in ("1901-01-01", "2026-03-01")), timezones=st.just(UTC))


@given(instants, st.sampled_from(ZONES))
def test_the_day_of_an_instant_is_the_one_whose_local_midnights_enclose_it(at: datetime, zone: str) -> None:
    """Law: the local clock that shows the business day is the UTC clock moved by the zone's offset at that instant, also where clocks
    are changed; so the day is right to the microsecond on both sides of midnight."""
    tenant = Tenant(id=uuid4(), time_zone=zone, currency="USD")
    offset = at.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    assert business_day(tenant, at) == (at.replace(tzinfo=None) + offset).date()
    for moved in (timedelta(microseconds=1), timedelta(hours=1)):
        assert business_day(tenant, at) <= business_day(tenant, at + moved)


async def test_a_year_of_orders_in_each_zone_is_placed_on_the_days_of_that_zone(mitra: Mitra) -> None:
    instants = [datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=17.7 * n, microseconds=n) for n in range(490)]
    for zone in ZONES:
        orders = mitra.client("pipeline", mitra.caller(await mitra.new_tenant(time_zone=zone)))
        results = await make.batch(
            orders, [{"op": "create", "data": make.placed(placed_at=at.isoformat().replace("+00:00", "Z"))} for at in instants]
        )
        assert {result["status"] for result in results} == {201}
        page = (await orders.get("/v1/orders", params={"order_by": "placed_at", "page_size": 200})).json()["items"]
        expected = [at.astimezone(ZoneInfo(zone)).date().isoformat() for at in instants[:200]]
        assert [order["placed_on"] for order in page] == expected
