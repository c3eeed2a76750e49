"""What holds for every noun of campaigns that has the usual verbs."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.contracts import REGISTRY
from services.envelope import Envelope
from tests.campaigns import make
from tests.harness import Mitra


@dataclass(frozen=True)
class Kind:
    """A noun with a body that makes it, a change, and a body that is wrong at `wrong_at`."""

    noun: str
    nouns: str
    body: dict[str, Any]
    change: dict[str, Any]
    wrong: dict[str, Any]
    wrong_at: str
    orders: tuple[str, ...] = ("created_at", "updated_at")


KINDS = (
    Kind("sender", "senders", make.SENDER, {"per_day": 500}, {"from_address": "nobody"}, "/from_address"),
    Kind("template", "templates", make.TEMPLATE, {"subject": "zqcanary again"}, {"variables": ["contact"]}, "/variables"),
    Kind("audience", "audiences", make.AUDIENCE, {"include": ['country = "DE"']}, {"include": ["nonsense = 1"]}, "/include/0"),
    Kind("campaign", "campaigns", make.CAMPAIGN, {"variables": {"offer": "zqcanary too"}}, {"holdout_bps": 10_000}, "/holdout_bps"),
)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.noun)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


def check_folds(events: list[Envelope], record: dict[str, Any], *, subject: str) -> None:
    """Law: folding the events of a record, in order and without holes, is the record."""
    of_it = [event for event in events if event.subject == subject]
    assert [event.sequence for event in of_it] == list(range(1, len(of_it) + 1))
    assert len(of_it) == record["version"]
    state = REGISTRY[of_it[-1].type].model_validate(of_it[-1].data).state.model_dump(mode="json")
    assert state == {name: record[name] for name in state}


async def test_a_record_lives_and_its_events_fold_to_it(mitra: Mitra, campaigns: httpx.AsyncClient, kind: Kind) -> None:
    made = await make.create(campaigns, kind.nouns, kind.body)
    path = f"/v1/{kind.nouns}/{made['id']}"
    changed = await campaigns.patch(path, json=kind.change, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert changed.json() == changed.json() | kind.change
    same = await campaigns.patch(path, json=kind.change, headers=make.ANY)
    assert same.json()["version"] == 2
    archived = await make.act(campaigns, f"{path}/archive")
    assert (await make.act(campaigns, f"{path}/archive"))["version"] == archived["version"] == 3
    assert (await campaigns.get(f"/v1/{kind.nouns}")).json()["items"] == []
    restored = await make.act(campaigns, f"{path}/restore")
    assert (await make.act(campaigns, f"{path}/restore"))["version"] == restored["version"] == 4
    assert (await campaigns.get(path)).json() == restored
    events = await mitra.outbox("campaigns")
    facts = ("created", "updated", "archived", "restored")
    assert [event.type for event in events] == [f"campaigns.{kind.noun}.{fact}.v1" for fact in facts]
    assert set(events[1].data["changed"]) >= set(kind.change)
    check_folds(events, restored, subject=f"{kind.noun}/{made['id']}")


async def test_a_change_needs_the_version_that_was_read(campaigns: httpx.AsyncClient, kind: Kind) -> None:
    path = f"/v1/{kind.nouns}/{(await make.create(campaigns, kind.nouns, kind.body))['id']}"
    assert (await campaigns.patch(path, json=kind.change)).status_code == 428
    assert (await campaigns.patch(path, json=kind.change, headers={"If-Match": '"7"'})).status_code == 412


async def test_a_repeated_request_is_carried_out_once(mitra: Mitra, campaigns: httpx.AsyncClient, kind: Kind) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    first = await campaigns.post(f"/v1/{kind.nouns}", json=kind.body, headers=key)
    again = await campaigns.post(f"/v1/{kind.nouns}", json=kind.body, headers=key)
    assert (first.status_code, again.json()) == (201, first.json())
    assert len(await mitra.outbox("campaigns")) == 1


async def test_what_is_wrong_is_named_and_writes_nothing(mitra: Mitra, campaigns: httpx.AsyncClient, kind: Kind) -> None:
    refused = await campaigns.post(f"/v1/{kind.nouns}", json=kind.body | kind.wrong)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [kind.wrong_at]
    assert await mitra.outbox("campaigns") == []
    assert (await campaigns.get(f"/v1/{kind.nouns}/{uuid4()}")).status_code == 404


async def test_a_batch_creates_changes_and_archives_and_refuses_item_by_item(campaigns: httpx.AsyncClient, kind: Kind) -> None:
    known = await make.create(campaigns, kind.nouns, kind.body)
    operations = [
        {"op": "create", "data": kind.body},
        {"op": "create", "data": kind.body | kind.wrong},
        {"op": "update", "id": known["id"], "if_match": 1, "data": kind.change},
        {"op": "archive", "id": known["id"]},
        {"op": "archive", "id": str(uuid4())},
        {"op": "upsert", "key": {"source": "shop", "id": "1"}, "data": kind.body},
    ]
    answer = (await campaigns.post(f"/v1/{kind.nouns}/batch", json={"operations": operations})).json()
    statuses = [result["status"] for result in answer["results"]]
    assert statuses[:1] + statuses[2:] == [201, 200, 409, 404, 422] or statuses == [201, 422, 200, 200, 404, 422]
    assert answer["results"][1]["problem"]["errors"][0]["pointer"].endswith(kind.wrong_at)


async def test_lists_are_filtered_ordered_and_paged(campaigns: httpx.AsyncClient, kind: Kind) -> None:
    made = [await make.create(campaigns, kind.nouns, kind.body | {"name": f"No {number}"}) for number in range(5)]
    for order in kind.orders:
        for sign, expected in (("", made), ("-", made[::-1])):
            found, cursor = [], None
            while True:
                params = {"order_by": f"{sign}{order}", "page_size": 2} | ({"cursor": cursor} if cursor else {})
                page = (await campaigns.get(f"/v1/{kind.nouns}", params=params)).json()
                found += page["items"]
                cursor = page["next_cursor"]
                if cursor is None:
                    break
            assert [item["id"] for item in found] == [item["id"] for item in expected]
    query = {"filter": 'name = "No 3"', "include_total": True}
    answer = (await campaigns.post(f"/v1/{kind.nouns}/search", json=query)).json()
    assert ([item["name"] for item in answer["items"]], answer["total"]) == (["No 3"], 1)


async def test_owner_held_words_are_in_no_event(mitra: Mitra, campaigns: httpx.AsyncClient, kind: Kind) -> None:
    made = await make.create(campaigns, kind.nouns, kind.body)
    await campaigns.patch(f"/v1/{kind.nouns}/{made['id']}", json=kind.change, headers=make.ANY)
    told = "".join(event.to_json().decode() for event in await mitra.outbox("campaigns"))
    assert told
    assert make.CANARY not in told
