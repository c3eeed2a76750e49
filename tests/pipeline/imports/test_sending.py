"""What becomes of the rows at an API that refuses some of them: each is accepted or rejected, once. (The real API: tests/journeys.)"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_svc.imports.lines import split_lines
from pipeline_svc.imports.rows import Reading, Rejection, read_purchases
from pipeline_svc.imports.sending import Counts, Piece, Sending, code_of, cut
from services.client import NotAnswered

READING = Reading(("customer", "date", "amount"), "USD", ZoneInfo("UTC"), delimiter=",", header=False)


class FarEnd:
    """An API that keeps what it accepts, and refuses customers and amounts that are named."""

    def __init__(self, *, refused_customers: Sequence[str] = (), refused_minor: Sequence[int] = ()) -> None:
        self.refused_customers = refused_customers
        self.refused_minor = refused_minor
        self.contacts: dict[str, str] = {}
        self.orders: dict[str, str] = {}
        self.batches: list[tuple[str, int]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        operations = orjson.loads(request.content)["operations"]
        self.batches.append((request.url.path, len(operations)))
        answer = self._contact if request.url.path == "/v1/contacts/batch" else self._order
        return httpx.Response(200, json={"results": [answer(operation) for operation in operations]})

    def _contact(self, operation: dict[str, Any]) -> dict[str, Any]:
        if operation["op"] == "upsert":
            return {"status": 200, "id": self.contacts[operation["key"]["id"]], "problem": None}
        (key,) = operation["data"]["external_ids"]
        if key["id"] in self.contacts:
            return _refusal(409, "external_id_taken")
        if key["id"] in self.refused_customers:
            return _refusal(422, "invalid")
        self.contacts[key["id"]] = str(UUID(int=len(self.contacts) + 1))
        return {"status": 201, "id": self.contacts[key["id"]], "problem": None}

    def _order(self, operation: dict[str, Any]) -> dict[str, Any]:
        (line,) = operation["data"]["lines"]
        if line["amount_minor"] in self.refused_minor:
            return _refusal(422, "invalid")
        assert operation["data"]["contact_id"] in self.contacts.values()
        (key,) = operation["data"]["external_ids"]
        if key["id"] in self.orders:
            return _refusal(409, "external_id_taken")
        self.orders[key["id"]] = operation["data"]["contact_id"]
        return {"status": 201, "id": str(UUID(int=1)), "problem": None}


def _refusal(status: int, code: str) -> dict[str, Any]:
    return {"status": status, "problem": {"code": code, "detail": "Not like this"}}


async def send(far_end: Any, rows: Sequence[str], *, batch: int = 500) -> tuple[Counts, list[Rejection]]:
    rejected: list[Rejection] = []
    chunks = [row.encode() + b"\n" for row in rows]
    pieces = cut(read_purchases(split_lines(chunks), READING), batch=batch, most_rows=10, position=lambda: 0)
    client = httpx.AsyncClient(transport=httpx.MockTransport(far_end), base_url="http://mitra")
    sending = Sending(client, label="shop", on_progress=lambda counts, position: None, on_rejected=rejected.extend)
    return await sending.run(pieces), rejected


ROWS = st.lists(
    st.builds("{},1999-01-{},{}".format, st.sampled_from("abcd"), st.sampled_from(["01", "02", "31", "32"]), st.integers(-1, 3))
)


@given(rows=ROWS, batch=st.integers(1, 7), customers=st.sets(st.sampled_from("abcd")), minor=st.sets(st.sampled_from([0, 100, 200])))
async def test_every_row_is_accepted_or_rejected_once(rows: list[str], batch: int, customers: set[str], minor: set[int]) -> None:
    """read = new + known + rejected; the orders are those of the rows that nobody refuses; sent again, none is new."""
    far_end = FarEnd(refused_customers=sorted(customers), refused_minor=sorted(minor))
    counts, rejected = await send(far_end, rows, batch=batch)
    assert counts.read == len(rows) == counts.new + counts.known + counts.rejected
    assert len({rejection.line.number for rejection in rejected}) == len(rejected) == counts.rejected
    assert len(far_end.orders) == counts.new
    again, rejected_again = await send(far_end, rows, batch=3)
    assert (again.new, again.known, len(rejected_again)) == (0, counts.new, len(rejected))


async def test_a_customer_is_made_known_once() -> None:
    far_end = FarEnd()
    await send(far_end, [f"{number % 3},1999-01-01,{number}" for number in range(50)], batch=10)
    assert [size for path, size in far_end.batches if path == "/v1/contacts/batch"] == [3]
    assert [size for path, size in far_end.batches if path == "/v1/orders/batch"] == [10] * 5
    assert len(set(far_end.orders.values())) == 3


async def test_a_refused_customer_is_the_reason_of_each_of_its_rows() -> None:
    counts, rejected = await send(FarEnd(refused_customers=["b"]), ["a,1999-01-01,1", "b,1999-01-01,1", "b,1999-01-02,1"])
    assert (counts.new, [(each.line.number, each.code, each.message) for each in rejected]) == (
        1,
        [(2, "invalid", "Not like this"), (3, "invalid", "Not like this")],
    )


async def test_a_batch_that_is_refused_whole_breaks_the_import_off() -> None:
    def far_end(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(403, json={"code": "forbidden", "detail": "This key may not"})

    with pytest.raises(NotAnswered, match=r"^/v1/contacts/batch answered 403 forbidden: This key may not$"):
        await send(far_end, ["a,1999-01-01,1"] * 5000)


async def test_a_file_that_cannot_be_read_breaks_the_import_off() -> None:
    def pieces() -> Iterator[Piece]:
        raise OSError("the disk is gone")
        yield

    client = httpx.AsyncClient(transport=httpx.MockTransport(FarEnd()), base_url="http://mitra")
    sending = Sending(client, label="shop", on_progress=lambda counts, position: None, on_rejected=lambda rejections: None)
    with pytest.raises(OSError, match="the disk is gone"):
        await sending.run(pieces())


def test_a_customer_that_is_a_code_keeps_it_and_any_other_is_hashed() -> None:
    assert [code_of(text) for text in ("00004", "A-1.b:c/d")] == ["00004", "A-1.b:c/d"]
    assert code_of("anna@example.com") == "h-f7d54c22dda5b1780276601cd005909b"
    assert code_of("x" * 129) != code_of("x" * 130)
