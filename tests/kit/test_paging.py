"""Keyset paging: no row that stood still is missed or repeated, whatever happens meanwhile."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from demo_svc.things.models import Thing
from demo_svc.things.queries import ORDERS, list_things
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.paging import ListQuery, _make_cursor
from tests.harness import Mitra

EVERY_ORDER = [f"{sign}{name}" for name in ORDERS for sign in ("", "-")]
values = st.tuples(st.integers(0, 3), st.integers(0, 3), st.uuids())
LAW_TENANT = UUID(int=7)


def row(tenant_id: UUID, value: tuple[int, int, UUID]) -> dict[str, Any]:
    amount, day, thing_id = value
    at = datetime(2026, 1, 1 + day, tzinfo=UTC)
    return {
        "id": thing_id,
        "tenant_id": tenant_id,
        "version": 1,
        "partition_key": "k",
        "created_at": at,
        "updated_at": at,
        "label": "lamp",
        "amount_minor": amount,
        "status": "new",
        "external_ids": [],
    }


async def add(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        await session.execute(insert(Thing.__table__), rows)  # type: ignore[arg-type]


@pytest.mark.parametrize("order_by", EVERY_ORDER)
@hypothesis_settings(max_examples=40)
@given(data=st.data())
async def test_pages_miss_and_repeat_no_row_that_stood_still(running_mitra: Mitra, order_by: str, data: st.DataObject) -> None:
    """Law: the pages of a list, read while other transactions insert and delete rows anywhere, hold every row that existed from the
    first page to the last exactly once, in order, and no row twice. (Ids are drawn, so rows are born before and behind the cursor.)
    """
    mitra, seen, cursor = running_mitra, list[dict[str, Any]](), None
    born = {value[2]: value for value in data.draw(st.lists(values, max_size=12))}
    ever, standing = set(born), set(born)
    async with mitra.session("demo", LAW_TENANT) as session:
        await session.execute(delete(Thing))
        await add(session, [row(LAW_TENANT, value) for value in born.values()])
        await session.commit()
    while True:
        query = ListQuery(order_by=order_by, page_size=data.draw(st.integers(1, 4)), cursor=cursor)
        async with mitra.session("demo", LAW_TENANT) as session:
            found = await list_things(session, query, me=None)
            seen += found.named()
            cursor = found.next_cursor
        if cursor is None:
            break
        gone = set(data.draw(st.lists(st.sampled_from(sorted(ever)), max_size=2, unique=True)))
        born = {value[2]: value for value in data.draw(st.lists(values, max_size=2)) if value[2] not in ever}
        async with mitra.session("demo", LAW_TENANT) as session:
            await session.execute(delete(Thing).where(Thing.id.in_(gone)))
            await add(session, [row(LAW_TENANT, value) for value in born.values()])
            await session.commit()
        ever |= set(born)
        standing -= gone
    ids = [thing["id"] for thing in seen]
    assert len(ids) == len(set(ids))
    assert standing <= set(ids)
    column = order_by.removeprefix("-")
    keys = [(thing[column], thing["id"]) for thing in seen]
    assert keys == sorted(keys, reverse=order_by.startswith("-"))


@pytest.fixture
async def things(mitra: Mitra) -> httpx.AsyncClient:
    tenant_id = await mitra.new_tenant()
    async with mitra.session("demo", tenant_id) as session:
        await add(session, [row(tenant_id, (n % 3, n % 2, uuid4())) for n in range(7)])
        await session.commit()
    return mitra.client("demo", mitra.caller(tenant_id))


async def cursor_of(things: httpx.AsyncClient, **query: Any) -> str:
    return str((await things.get("/v1/things", params={"page_size": 2, **query})).json()["next_cursor"])


@pytest.mark.parametrize(
    "other", [{"order_by": "amount_minor"}, {"order_by": "-amount_minor"}, {"order_by": "created_at"}, {"filter": "amount_minor > 0"}]
)
async def test_a_cursor_belongs_to_its_filter_and_order(things: httpx.AsyncClient, other: dict[str, str]) -> None:
    answer = await things.get("/v1/things", params={"cursor": await cursor_of(things), **other})
    assert (answer.status_code, answer.json()["code"]) == (422, "foreign_cursor")


async def test_the_page_size_may_change_from_page_to_page(things: httpx.AsyncClient) -> None:
    answer = await things.get("/v1/things", params={"cursor": await cursor_of(things), "page_size": 200})
    assert (len(answer.json()["items"]), answer.json()["next_cursor"]) == (5, None)


@pytest.mark.parametrize(
    ("order_by", "value"),
    [
        ("amount_minor", 2**63),
        ("amount_minor", -(2**63) - 1),
        ("amount_minor", True),
        ("amount_minor", "1"),
        ("amount_minor", None),
        ("created_at", 5),
        ("created_at", "yesterday"),
        ("created_at", "0001-01-01T00:00:00+10:00"),
    ],
)
async def test_a_cursor_with_a_made_up_value_is_refused(things: httpx.AsyncClient, order_by: str, value: object) -> None:
    try:
        cursor = _make_cursor(ListQuery(order_by=order_by), order_by, value, uuid4())
    except TypeError:  # beyond what JSON of ours can say
        return
    answer = await things.get("/v1/things", params={"order_by": order_by, "cursor": cursor})
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("cursor", ["", "x", "====", "bnVsbA", "W10", "WzEsMiwzXQ", "e30", "A" * 1025, "ä"])
async def test_rubbish_is_no_cursor(things: httpx.AsyncClient, cursor: str) -> None:
    assert (await things.get("/v1/things", params={"cursor": cursor})).status_code == 422


@pytest.mark.parametrize("query", [{"order_by": "secret"}, {"order_by": "--id"}, {"page_size": 0}, {"page_size": 201}, {"page_size": "x"}])
async def test_an_order_or_size_that_is_not_offered_is_refused(things: httpx.AsyncClient, query: dict[str, Any]) -> None:
    answer = await things.get("/v1/things", params=query)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"#query/{next(iter(query))}"


async def test_the_total_is_counted_on_demand_and_over_all_pages(things: httpx.AsyncClient) -> None:
    page = (await things.get("/v1/things", params={"page_size": 2, "filter": "amount_minor = 0", "include_total": "true"})).json()
    assert (len(page["items"]), page["total"]) == (2, 3)
    assert (await things.get("/v1/things", params={"page_size": 2})).json()["total"] is None
