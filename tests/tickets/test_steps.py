"""Steps: many verbs in one request, each with an answer of its own, and known by their keys."""

from typing import Any

import httpx

from tests.harness import Mitra
from tests.tickets import make


async def take(desk: httpx.AsyncClient, *steps: dict[str, Any]) -> list[tuple[int, str | None]]:
    results = (await make.post(desk, "/v1/tickets/steps", {"steps": list(steps)}))["results"]
    return [(each["status"], each["problem"] and each["problem"]["code"]) for each in results]


async def test_each_step_is_taken_or_refused_by_itself_and_known_when_it_comes_again(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    one, two, three = [await make.create(desk, opened_at="2026-03-01T00:00:00Z") for _ in range(3)]
    key = [{"source": "old", "id": str(number)} for number in range(4)]
    steps: list[dict[str, Any]] = [
        {"ticket_id": one["id"], "verb": "resolve", "key": key[0], "data": {"at": "2026-03-01T01:00:00Z"}},
        {"ticket_id": two["id"], "verb": "message", "key": key[1], "data": {"kind": "internal", "text": "a"}},
        {"ticket_id": three["id"], "verb": "continue", "key": key[2]},
        {"ticket_id": one["id"], "verb": "reopen", "key": key[3]},
        {"ticket_id": two["id"], "verb": "wait", "data": {"status": "closed"}},
        {"ticket_id": "0190a0a0-0000-7000-8000-000000000009", "verb": "assign"},
    ]
    expected = [(201, None), (201, None), (409, "wrong_state"), (409, "changed_twice"), (422, "invalid"), (404, "not_found")]
    assert await take(desk, *steps) == expected
    before = len(await mitra.outbox("tickets"))
    assert await take(desk, *steps[:3]) == [(200, None), (200, None), (409, "wrong_state")]
    assert len(await mitra.outbox("tickets")) == before == 6
    assert await take(desk, steps[3]) == [(201, None)]
    assert (await desk.get(f"/v1/tickets/{one['id']}")).json()["status"] == "open"


async def test_every_verb_can_be_a_step(desk: httpx.AsyncClient, me: Any) -> None:
    ticket = await make.create(desk)
    for verb in ("assign", "escalate", "wait", "continue", "resolve", "reopen"):
        assert await take(desk, {"ticket_id": ticket["id"], "verb": verb}) == [(201, None)]
    read = (await desk.get(f"/v1/tickets/{ticket['id']}")).json()
    assert [read[name] for name in ("status", "assignee_id", "escalation_level", "version")] == ["open", str(me), 1, 7]


async def test_steps_need_the_scope_of_writing_and_stay_in_their_tenant(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    ticket = await make.create(desk)
    stranger = mitra.client("tickets", mitra.caller(await mitra.new_tenant()))
    assert await take(stranger, {"ticket_id": ticket["id"], "verb": "resolve"}) == [(404, "not_found")]
