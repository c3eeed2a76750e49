"""Consents through HTTP: asked, granted, confirmed, withdrawn, remembered, and told by value."""

import asyncio
import itertools
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contacts_svc.consents.rules import MOVES, VERBS
from contacts_svc.consents.schemas import ConsentRead
from services.embedded import Server
from services.events.contacts import ConsentState
from tests.contacts.make import CANARY, ask, create, create_purpose, lasting_client, proof, settle
from tests.contacts.test_consent_rules import LEADS, STATUSES
from tests.harness import Mitra
from tests.kit.untold import untold_writes

DAY = timedelta(days=1)
FORM = {"kind": "form", "at": "2026-01-01T00:00:00Z"}


async def grant(mitra: Mitra, contacts: httpx.AsyncClient, consent_id: str, **fields: Any) -> httpx.Response:
    return await contacts.post(f"/v1/consents/{consent_id}/grant", json={"proof": proof(mitra.clock()), **fields})


async def act(mitra: Mitra, contacts: httpx.AsyncClient, consent: dict[str, Any], verb: str) -> httpx.Response:
    """A verb on a consent; a request is asked for where every ask is."""
    if verb == "request":
        return await ask(contacts, consent["contact_id"])
    if verb == "grant":
        return await grant(mitra, contacts, consent["id"])
    return await contacts.post(f"/v1/consents/{consent['id']}/{verb}", json={} if verb == "withdraw" else None)


async def consent_in(mitra: Mitra, contacts: httpx.AsyncClient, status: str) -> dict[str, Any]:
    """A consent of a new contact that has come to `status`."""
    contact_id = (await create(contacts))["id"]
    asked = (await ask(contacts, contact_id)).json()
    if status == "unknown":
        mitra.clock.advance(days=8)
        await mitra.drain()
    elif status != "pending":
        end = {"expires_at": (mitra.clock() + DAY).isoformat()} if status == "expired" else {}
        await contacts.post(f"/v1/consents/{asked['id']}/confirm")
        if status == "withdrawn":
            await contacts.post(f"/v1/consents/{asked['id']}/withdraw")
        if status == "expired":
            await contacts.post(f"/v1/consents/{asked['id']}/withdraw")
            assert (await grant(mitra, contacts, asked["id"], **end)).status_code == 200
            mitra.clock.advance(days=2)
            await mitra.drain()
    found = dict((await contacts.get(f"/v1/consents/{asked['id']}")).json())
    assert found["status"] == status
    return found


@pytest.fixture
async def purpose(contacts: httpx.AsyncClient) -> dict[str, Any]:
    return await create_purpose(contacts)


async def test_a_request_is_born_pending_and_confirmed_within_seven_days(
    mitra: Mitra, contacts: httpx.AsyncClient, purpose: dict[str, Any]
) -> None:
    ann = await create(contacts, language="de-AT")
    asked = await ask(contacts, ann["id"], source="web_form", address_seen="ann@example.org")
    consent = asked.json()
    assert (asked.status_code, asked.headers["etag"], asked.headers["mitra-version"]) == (201, '"1"', f"consent/{consent['id']}@1")
    assert (consent["status"], consent["wording_language"], consent["wording_version"], consent["proof"]) == ("pending", "de", 1, None)
    confirmed = (await contacts.post(f"/v1/consents/{consent['id']}/confirm")).json()
    assert (confirmed["status"], confirmed["version"], confirmed["proof"]["kind"], confirmed["due_at"]) == (
        "granted",
        2,
        "confirmation",
        None,
    )
    requested, granted = [event for event in await mitra.outbox("contacts") if event.subject == f"consent/{consent['id']}"]
    assert (requested.type, requested.sequence) == ("contacts.consent.requested.v1", 1)
    assert requested.partition_key == f"{requested.tenant_id}:{ann['id']}"
    assert requested.data["confirm_by"] == consent["due_at"]
    assert (granted.type, granted.sequence, granted.data["changed"]) == ("contacts.consent.granted.v1", 2, ["proof", "status"])
    assert ConsentState.model_validate(granted.data["state"]) == ConsentState.model_validate(confirmed)
    assert granted.data["state"]["source"] == "web_form"


@pytest.mark.parametrize("status", STATUSES)
async def test_every_verb_leads_where_the_sheet_says_or_is_refused_and_tells_nothing(
    mitra: Mitra, contacts: httpx.AsyncClient, purpose: dict[str, Any], status: str
) -> None:
    for verb in VERBS:
        consent = await consent_in(mitra, contacts, status)
        told = len(await mitra.outbox("contacts"))
        answer = await act(mitra, contacts, consent, verb)
        leads_to = LEADS.get((status, verb))
        if (status, verb) == ("pending", "request"):
            assert (answer.status_code, answer.json()) == (200, consent)
        elif leads_to is not None:
            assert (answer.status_code, answer.json()["status"], answer.json()["version"]) == (200, leads_to, consent["version"] + 1)
        else:
            assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state"), verb
            assert f"'{status}'" in answer.json()["detail"]
        assert len(await mitra.outbox("contacts")) == told + (leads_to is not None)


async def test_a_withdrawn_consent_comes_back_only_by_a_newer_proof(
    mitra: Mitra, contacts: httpx.AsyncClient, purpose: dict[str, Any]
) -> None:
    consent = await consent_in(mitra, contacts, "withdrawn")
    old = proof(mitra.clock() - DAY)
    for answer in (
        await contacts.post(f"/v1/consents/{consent['id']}/grant", json={"proof": old}),
        await ask(contacts, consent["contact_id"], status="granted", proof=old),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "new_proof_needed")
    assert (await ask(contacts, consent["contact_id"])).json()["code"] == "wrong_state"
    mitra.clock.advance(hours=1)
    again = await ask(contacts, consent["contact_id"], status="granted", proof=proof(mitra.clock(), kind="form", form_id=str(uuid4())))
    assert (again.status_code, again.json()["status"], again.json()["id"]) == (200, "granted", consent["id"])


async def test_a_withdrawal_says_why(mitra: Mitra, contacts: httpx.AsyncClient, purpose: dict[str, Any]) -> None:
    consent = await consent_in(mitra, contacts, "granted")
    await contacts.post(f"/v1/consents/{consent['id']}/withdraw", json={"reason_code": "by_phone", "source": "call"})
    event = (await mitra.outbox("contacts"))[-1]
    assert (event.type, event.data["reason_code"], event.data["campaign_id"]) == ("contacts.consent.withdrawn.v1", "by_phone", None)
    assert (event.data["state"]["status"], event.data["state"]["source"], event.data["state"]["proof"]) == ("withdrawn", "call", None)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"contact_id": str(uuid4())}, "/contact_id"),
        ({"purpose": "unheard"}, "/purpose"),
        ({"purpose": "News"}, "/purpose"),
        ({"channel": "fax"}, "/channel"),
        ({"status": "granted"}, "/proof"),
        ({"status": "granted", "proof": {"kind": "statement", "at": "2126-01-01T00:00:00Z"}}, "/proof/at"),
        ({"status": "granted", "proof": {"kind": "guess", "at": "2026-01-01T00:00:00Z"}}, "/proof/kind"),
        (
            {"status": "granted", "proof": {"kind": "form", "at": "2026-01-01T00:00:00Z"}, "expires_at": "2026-03-01T00:00:00Z"},
            "/expires_at",
        ),
        ({"proof": FORM}, "/proof"),
        ({"expires_at": "2027-01-01T00:00:00Z"}, "/expires_at"),
        ({"wording_version": 2}, "/wording_version"),
        ({"status": "withdrawn"}, "/status"),
        ({"note": "x"}, "/note"),
    ],
)
async def test_what_is_wrong_with_an_ask_is_said_and_nothing_is_written(
    mitra: Mitra, contacts: httpx.AsyncClient, purpose: dict[str, Any], fields: dict[str, Any], pointer: str
) -> None:
    body = {"contact_id": (await create(contacts))["id"], "purpose": "news", "channel": "email"}
    told = len(await mitra.outbox("contacts"))
    answer = await contacts.post("/v1/consents", json=body | fields)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
    assert len(await mitra.outbox("contacts")) == told
    assert (await contacts.get("/v1/consents")).json()["items"] == []


async def test_an_archived_purpose_is_asked_no_more_and_its_consents_stay(
    mitra: Mitra, contacts: httpx.AsyncClient, purpose: dict[str, Any]
) -> None:
    consent = await consent_in(mitra, contacts, "granted")
    await contacts.post(f"/v1/consent-purposes/{purpose['id']}/archive")
    refused = await ask(contacts, (await create(contacts))["id"])
    assert refused.json()["errors"][0]["code"] == "archived"
    assert (await contacts.get(f"/v1/consents/{consent['id']}")).json() == consent
    assert (await contacts.post(f"/v1/consents/{consent['id']}/withdraw")).status_code == 200


async def test_each_purpose_channel_and_topic_is_a_consent_of_its_own(
    mitra: Mitra, contacts: httpx.AsyncClient, purpose: dict[str, Any]
) -> None:
    await create_purpose(contacts, key="ads")
    ann, topic_id = await create(contacts), str(uuid4())
    for fields in ({}, {"channel": "sms"}, {"topic_id": topic_id}, {"purpose": "ads"}):
        assert (await ask(contacts, ann["id"], **fields)).status_code == 201
    assert (await ask(contacts, ann["id"], topic_id=topic_id)).status_code == 200
    listed = (await contacts.get(f"/v1/contacts/{ann['id']}/consents")).json()["items"]
    assert [(each["purpose"], each["channel"], each["topic_id"]) for each in listed] == [
        ("ads", "email", None),
        ("news", "email", None),
        ("news", "email", topic_id),
        ("news", "sms", None),
    ]
    found = (await contacts.get("/v1/consents", params={"filter": f'purpose = "news" AND topic_id = "{topic_id}"'})).json()["items"]
    assert [each["topic_id"] for each in found] == [topic_id]


async def test_consents_are_known_as_they_were_at_any_instant(mitra: Mitra, contacts: httpx.AsyncClient, purpose: dict[str, Any]) -> None:
    """By when it was recorded, whenever the proof is from."""
    ann = await create(contacts)
    looks: list[tuple[str, str | None]] = [(mitra.clock().isoformat(), None)]
    mitra.clock.advance(days=1)
    consent = (
        await ask(contacts, ann["id"], status="granted", proof=proof(mitra.clock() - 300 * DAY), address_seen="a@example.org")
    ).json()
    for verb in (None, "withdraw", "grant"):
        if verb is not None:
            mitra.clock.advance(days=1)
            assert (await act(mitra, contacts, consent, verb)).status_code == 200
        status = (await contacts.get(f"/v1/consents/{consent['id']}")).json()["status"]
        looks.append((mitra.clock().isoformat(), status))
    now = (await contacts.get(f"/v1/contacts/{ann['id']}/consents")).json()
    assert now["items"] == [(await contacts.get(f"/v1/consents/{consent['id']}")).json()]
    for as_of, status in looks:
        then = (await contacts.get(f"/v1/contacts/{ann['id']}/consents", params={"as_of": as_of})).json()
        assert [each["status"] for each in then["items"]] == ([status] if status else []), as_of
    first = (await contacts.get(f"/v1/contacts/{ann['id']}/consents", params={"as_of": looks[1][0]})).json()["items"]
    assert first == [consent]
    assert (await contacts.get(f"/v1/contacts/{uuid4()}/consents")).status_code == 404
    assert (await contacts.get(f"/v1/contacts/{ann['id']}/consents", params={"as_of": "2026-03-02T09:00:00"})).status_code == 422


async def test_requests_lapse_and_consents_end_by_the_clock_in_whatever_number(
    mitra: Mitra, contacts: httpx.AsyncClient, tenant_id: UUID
) -> None:
    await create_purpose(contacts, valid_days=365)
    made = await contacts.post(
        "/v1/contacts/batch", json={"operations": [{"op": "create", "data": {"given_name": f"Ann {n}"}} for n in range(500)]}
    )
    ids = [result["id"] for result in made.json()["results"]]
    for channel, status in (("email", "pending"), ("sms", "granted")):
        fields = {"status": status} | ({"proof": proof(mitra.clock())} if status == "granted" else {})
        asks = [{"op": "create", "data": {"contact_id": each, "purpose": "news", "channel": channel, **fields}} for each in ids]
        answer = (await contacts.post("/v1/consents/batch", json={"operations": asks})).json()
        assert (answer["accepted"], {result["status"] for result in answer["results"]}) == (500, {201})
    late = (await ask(contacts, (await create(contacts))["id"])).json()

    async def counts() -> dict[str, int]:
        found: dict[str, int] = {}
        for status in STATUSES:
            page = (await contacts.get("/v1/consents", params={"filter": f'status = "{status}"', "include_total": "true"})).json()
            found |= {status: page["total"]} if page["total"] else {}
        return found

    await settle(mitra)
    assert await counts() == {"pending": 501, "granted": 500}
    mitra.clock.advance(days=7, seconds=-5)
    await settle(mitra)
    assert await counts() == {"pending": 501, "granted": 500}
    mitra.clock.advance(seconds=10)
    await settle(mitra)
    assert await counts() == {"unknown": 501, "granted": 500}
    mitra.clock.advance(days=365 - 8)
    await settle(mitra)
    assert await counts() == {"unknown": 501, "granted": 500}
    mitra.clock.advance(days=2)
    await settle(mitra)
    assert await counts() == {"unknown": 501, "expired": 500}
    history = [event for event in await events_of(mitra, late["id"]) if event["subject"] == f"consent/{late['id']}"]
    assert [(event["type"], event["data"]["state"]["status"]) for event in history] == [
        ("contacts.consent.requested.v1", "pending"),
        ("contacts.consent.expired.v1", "unknown"),
    ]


async def events_of(mitra: Mitra, consent_id: str) -> list[dict[str, Any]]:
    """What the log holds of a consent, in its order."""
    bus = mitra.workers["contacts"].relay._bus
    records = []
    offset = 0
    while read := await bus.read({("crm.contacts", 0): offset}, wait_seconds=0.0):
        records += read
        offset = read[-1].offset + 1
    events = [orjson.loads(record.event) for record in records]
    return [event for event in events if event["subject"] == f"consent/{consent_id}"]


async def test_a_batch_of_consents_is_written_once_and_the_second_run_changes_nothing(
    mitra: Mitra, contacts: httpx.AsyncClient, purpose: dict[str, Any], server: Server
) -> None:
    ids = [(await create(contacts))["id"] for _ in range(4)]
    body = {"purpose": "news", "channel": "email", "status": "granted", "source": "old_crm"}
    body["proof"] = proof(mitra.clock() - 90 * DAY, kind="import", import_id=str(uuid4()))
    operations = [{"op": "create", "data": body | {"contact_id": each}} for each in ids]
    operations += [{"op": "create", "data": body | {"contact_id": ids[0]}}, {"op": "create", "data": body | {"contact_id": str(uuid4())}}]
    operations += [
        {"op": "archive", "id": str(uuid4())},
        {"op": "upsert", "key": {"source": "a", "id": "b"}, "data": body | {"contact_id": ids[1]}},
    ]
    first = (await contacts.post("/v1/consents/batch", json={"operations": operations})).json()
    assert [result["status"] for result in first["results"]] == [201, 201, 201, 201, 200, 422, 422, 422]
    assert first["results"][4]["id"] == first["results"][0]["id"]
    assert first["results"][5]["problem"]["errors"][0]["pointer"] == "/operations/5/data/contact_id"
    told = len(await mitra.outbox("contacts"))
    second = (await contacts.post("/v1/consents/batch", json={"operations": operations})).json()
    assert [result["status"] for result in second["results"]] == [200, 200, 200, 200, 200, 422, 422, 422]
    assert len(await mitra.outbox("contacts")) == told
    third = [{"op": "create", "data": {"contact_id": ids[0], "purpose": "news", "channel": "email"}}]
    assert (await contacts.post("/v1/consents/batch", json={"operations": third})).json()["results"][0]["status"] == 409
    assert await untold_writes(mitra, server) == []


async def test_a_consent_changes_once_in_a_batch(mitra: Mitra, contacts: httpx.AsyncClient, purpose: dict[str, Any]) -> None:
    consent = await consent_in(mitra, contacts, "expired")
    place = {"contact_id": consent["contact_id"], "purpose": "news", "channel": "email"}
    asks = [place, place | {"status": "granted", "proof": proof(mitra.clock())}]
    answer = (await contacts.post("/v1/consents/batch", json={"operations": [{"op": "create", "data": each} for each in asks]})).json()
    assert [(each["status"], (each["problem"] or {}).get("code")) for each in answer["results"]] == [(200, None), (409, "changed_twice")]


async def test_many_who_ask_at_once_have_one_consent(mitra: Mitra, contacts: httpx.AsyncClient, purpose: dict[str, Any]) -> None:
    ann = await create(contacts)
    answers = await asyncio.gather(*(ask(contacts, ann["id"]) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [event.type for event in await mitra.outbox("contacts")][-1] == "contacts.consent.requested.v1"
    assert len((await contacts.get("/v1/consents")).json()["items"]) == 1


async def test_no_event_of_a_consent_carries_the_address_or_the_words(
    mitra: Mitra, contacts: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    wordings = [{"language": "en", "text": f"{CANARY} may we write?"}]
    purpose = await create_purpose(contacts, wordings=wordings)
    await contacts.post(f"/v1/consent-purposes/{purpose['id']}/word", json={"language": "en", "text": f"{CANARY} may we?"})
    ann = await create(contacts)
    consent = (await ask(contacts, ann["id"], address_seen=f"{CANARY}@example.org")).json()
    assert consent["address_seen"] == f"{CANARY}@example.org"
    await contacts.post(f"/v1/consents/{consent['id']}/confirm")
    await contacts.post(f"/v1/consents/{consent['id']}/withdraw")
    await grant(mitra, contacts, consent["id"], address_seen=f"{CANARY} form")
    events = [event.to_json().decode() for event in await mitra.outbox("contacts")]
    assert len(events) == 7
    assert CANARY not in "".join(events) + caplog.text


@hypothesis_settings(max_examples=25)
@given(script=st.lists(st.sampled_from((*VERBS, "a week passes", "a year passes")), max_size=12))
async def test_whatever_is_done_each_step_is_on_the_sheet_and_the_events_fold_to_the_record(
    running_mitra: Mitra, server: Server, script: list[str]
) -> None:
    """Law: after any sequence of verbs and of time, allowed or refused, each event leads from the status before along a listed move, the
    last event's state is the record's, the steps remembered are the states told, and every version has its event.
    """
    mitra = running_mitra
    await mitra.empty()
    contacts = lasting_client(mitra, await mitra.new_tenant())
    await create_purpose(contacts, valid_days=300)
    consent = (await ask(contacts, (await create(contacts))["id"])).json()
    await settle(mitra)
    for step in script:
        mitra.clock.advance(seconds=1)
        if step.endswith("passes"):
            mitra.clock.advance(days=8 if step == "a week passes" else 366)
        else:
            assert (await act(mitra, contacts, consent, step)).status_code in (200, 409)
        await settle(mitra)
    own = await events_of(mitra, consent["id"])
    states = [ConsentState.model_validate(event["data"]["state"]) for event in own]
    assert [event["sequence"] for event in own] == list(range(1, len(own) + 1))
    for before, after in itertools.pairwise(states):
        assert any(before.status in fits and after.status == leads_to for fits, leads_to in MOVES.values()), (before, after)
    present = ConsentRead.model_validate((await contacts.get(f"/v1/consents/{consent['id']}")).json())
    assert ConsentState.model_validate(present.model_dump()) == states[-1]
    for event, state in zip(own, states, strict=True):
        path = f"/v1/contacts/{consent['contact_id']}/consents"
        (then,) = (await contacts.get(path, params={"as_of": event["recordedtime"]})).json()["items"]
        assert ConsentState.model_validate(then) == state
    assert await untold_writes(mitra, server, "contacts") == []
