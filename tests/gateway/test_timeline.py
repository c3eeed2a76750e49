"""A customer's timeline: what happened, by when it happened, of the nouns that the caller may read."""

from typing import Any

import httpx
import pytest

from gateway.journal.rules import contacts_named
from services.identifiers import new_id
from tests.gateway.conftest import Door
from tests.gateway.make import make_key

ID, OTHER = "0190a0a0-0000-7000-8000-000000000021", "0190a0a0-0000-7000-8000-000000000022"


async def shop(door: Door, client: httpx.AsyncClient) -> dict[str, Any]:
    """A contact with an order that was placed long before the contact was written down, and refunded."""
    contact = (await client.post("/v1/contacts", json={"kind": "person", "given_name": "Asha"})).json()
    order = {"contact_id": contact["id"], "currency": "EUR", "total_minor": 900, "status": "placed", "paid": True}
    placed = (await client.post("/v1/orders", json=order | {"placed_at": "2025-05-01T10:00:00Z"})).json()
    await client.post(f"/v1/orders/{placed['id']}/refund", json={"amount_minor": 100})
    await client.post("/v1/orders", json=order | {"contact_id": str(new_id())})
    await door.mitra.drain()
    return dict(contact)


async def test_a_customers_timeline_tells_what_happened_in_the_order_in_which_it_happened(door: Door) -> None:
    client = door.client((await door.company()).token)
    contact = await shop(door, client)
    page = (await client.get(f"/v1/customers/{contact['id']}/timeline")).json()
    told = [(item["type"], item["subject"].partition("/")[0]) for item in page["items"]]
    assert told[0] == ("pipeline.order.placed.v1", "order")
    assert ("pipeline.order.refunded.v1", "order") in told
    assert ("contacts.contact.created.v1", "contact") in told
    assert [item["time"] for item in page["items"]] == sorted(item["time"] for item in page["items"])
    assert (page["items"][0]["state"]["total_minor"], page["next_cursor"]) == (900, None)


async def test_pages_of_a_timeline_join_to_the_whole_from_either_end(near_door: Door) -> None:
    client = near_door.client((await near_door.company()).token)
    contact = await shop(near_door, client)
    path = f"/v1/customers/{contact['id']}/timeline"
    whole = [item["seq"] for item in (await client.get(path)).json()["items"]]
    for order, wanted in (("time", whole), ("-time", whole[::-1])):
        seqs, cursor = [], None
        while cursor or not seqs:
            page = (await client.get(path, params={"order_by": order, "page_size": 1} | ({"cursor": cursor} if cursor else {}))).json()
            seqs += [item["seq"] for item in page["items"]]
            cursor = page["next_cursor"]
        assert seqs == wanted


async def test_a_timeline_can_be_asked_for_some_types_and_times_only(near_door: Door) -> None:
    client = near_door.client((await near_door.company()).token)
    path = f"/v1/customers/{(await shop(near_door, client))['id']}/timeline"
    orders = (await client.get(path, params={"filter": 'noun = "order"'})).json()["items"]
    assert {item["type"] for item in orders} == {"pipeline.order.placed.v1", "pipeline.order.refunded.v1"}
    late = (await client.get(path, params={"filter": 'type : "order" AND time > "2025-06-01T00:00:00Z"'})).json()["items"]
    assert [item["type"] for item in late] == ["pipeline.order.refunded.v1"]
    assert (await client.get(path, params={"filter": "mood = 1"})).status_code == 422


async def test_a_timeline_leaves_out_what_the_caller_may_not_read(near_door: Door) -> None:
    client = near_door.client((await near_door.company()).token)
    path = f"/v1/customers/{(await shop(near_door, client))['id']}/timeline"
    narrow = near_door.client((await make_key(client, scopes=["customers:read", "contacts:read"]))["secret"])
    assert {item["subject"].partition("/")[0] for item in (await narrow.get(path)).json()["items"]} <= {"contact", "customer"}
    blind = near_door.client((await make_key(client, scopes=["customers:read"]))["secret"])
    assert (await blind.get(path)).status_code == 404


async def test_nobody_else_finds_a_customers_timeline(near_door: Door) -> None:
    client = near_door.client((await near_door.company()).token)
    path = f"/v1/customers/{(await shop(near_door, client))['id']}/timeline"
    stranger = near_door.client((await near_door.company(email="b@example.com")).token)
    assert (await stranger.get(path)).status_code == 404
    assert (await client.get(f"/v1/customers/{new_id()}/timeline")).status_code == 404


@pytest.mark.parametrize(
    ("subject", "state", "named"),
    [
        (f"contact/{ID}", {}, [ID]),
        (f"customer/{ID}", {"contact_id": ID}, [ID]),
        ("order/0190a0a0-0000-7000-8000-000000000023", {"contact_id": ID}, [ID]),
        ("order/0190a0a0-0000-7000-8000-000000000024", {"contact_id": None}, []),
        ("activity/0190a0a0-0000-7000-8000-000000000025", {"contact_ids": [OTHER, ID, OTHER]}, sorted({ID, OTHER})),
        ("relationship/0190a0a0-0000-7000-8000-000000000026", {"from_contact_id": ID, "to_contact_id": OTHER}, sorted({ID, OTHER})),
        (f"user/{ID}", {}, []),
    ],
)
def test_an_event_is_about_the_contacts_that_its_subject_is_or_names(subject: str, state: dict[str, Any], named: list[str]) -> None:
    assert contacts_named(subject, state) == named
