"""Senders, templates, audiences and suppressions: what each may become, and what each refuses."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import insert

from campaigns_svc.senders import rules as senders
from campaigns_svc.suppressions.hashing import hasher_of
from campaigns_svc.templates import rules as templates
from campaigns_svc.templates.rendering import parse_words
from campaigns_svc.templates.values import BrokenTemplate, MissingVariable
from services.errors import WrongState
from services.references import ConsentReference, ContactReference
from services.settings import Settings
from tests.campaigns import make
from tests.harness import Mitra

SENDER_TABLE = {"draft": {"verify": "verified"}, "verified": {"activate": "active", "block": "blocked"}, "active": {"block": "blocked"}}
TEMPLATE_TABLE = {"draft": {"publish": "published"}, "published": {"retire": "retired"}}


@pytest.mark.parametrize("verb", ["verify", "activate", "block"])
@pytest.mark.parametrize("status", ["draft", "verified", "active", "blocked"])
def test_a_sender_goes_where_the_sheet_says_and_nowhere_else(status: str, verb: str) -> None:
    after = SENDER_TABLE.get(status, {}).get(verb)
    if after is not None:
        assert senders.decide_status(verb, status) == after
        return
    with pytest.raises(WrongState) as refused:
        senders.decide_status(verb, status)
    assert refused.value.state == status
    assert set(refused.value.verbs_that_fit) == SENDER_TABLE.get(status, {}).keys() - {"activate"}


@pytest.mark.parametrize("verb", ["publish", "retire"])
@pytest.mark.parametrize("status", ["draft", "published", "retired"])
def test_a_template_goes_where_the_sheet_says_and_nowhere_else(status: str, verb: str) -> None:
    after = TEMPLATE_TABLE.get(status, {}).get(verb)
    if after is not None:
        assert templates.decide_status(verb, status) == after
        return
    with pytest.raises(WrongState) as refused:
        templates.decide_status(verb, status)
    assert refused.value.state == status


async def test_a_sender_is_verified_and_blocked_and_told_of(mitra: Mitra, campaigns: httpx.AsyncClient) -> None:
    sender = await make.create(campaigns, "senders", make.SENDER)
    path = f"/v1/senders/{sender['id']}"
    assert (sender["status"], sender["domain"]) == ("draft", "example.com")
    refused = await campaigns.post(f"{path}/block", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert (await make.act(campaigns, f"{path}/verify"))["status"] == "verified"
    address = await campaigns.patch(path, json={"from_address": "other@example.com"}, headers=make.ANY)
    assert (address.status_code, address.json()["code"]) == (409, "address_verified")
    assert (await make.act(campaigns, f"{path}/block", reason_code="phished"))["status"] == "blocked"
    assert (await campaigns.patch(path, json={"name": "New"}, headers=make.ANY)).status_code == 409
    events = await mitra.outbox("campaigns")
    assert [event.type.split(".")[2] for event in events] == ["created", "verified", "blocked"]
    assert events[-1].data["reason_code"] == "phished"


async def test_a_published_template_never_changes_and_its_revision_is_another(mitra: Mitra, campaigns: httpx.AsyncClient) -> None:
    template = await make.create(campaigns, "templates", make.TEMPLATE)
    path = f"/v1/templates/{template['id']}"
    assert (await campaigns.post(f"{path}/revise")).status_code == 409
    await make.act(campaigns, f"{path}/publish")
    assert (await campaigns.patch(path, json={"subject": "Other"}, headers=make.ANY)).json()["code"] == "wrong_state"
    draft = await make.act(campaigns, f"{path}/revise")
    assert (draft["revision"], draft["revises_id"], draft["status"]) == (2, template["id"], "draft")
    assert draft["subject"] == template["subject"]
    assert (await make.act(campaigns, f"{path}/retire"))["status"] == "retired"
    events = await mitra.outbox("campaigns")
    assert [event.type.split(".")[2] for event in events] == ["created", "published", "created", "updated"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"text": "{{ contact.shoe_size }}"}, "unknown_variable"),
        ({"text": "{{ discount }}"}, "unknown_variable"),
        ({"text": "{% for i in (1..5000) %}x{% endfor %}"}, "broken_template"),
        ({"html": "{% include 'secrets' %}"}, "broken_template"),
        ({"subject": "{{ contact.given_name "}, "broken_template"),
        ({"text": "{{ contact.given_name | shout }}"}, "broken_template"),
    ],
)
async def test_words_that_cannot_be_rendered_are_not_published(campaigns: httpx.AsyncClient, words: dict[str, str], code: str) -> None:
    template = await make.create(campaigns, "templates", make.TEMPLATE | words)
    refused = await campaigns.post(f"/v1/templates/{template['id']}/publish")
    problem = refused.json()
    assert refused.status_code == 422
    assert code in {problem["code"], *(error["code"] for error in problem["errors"])}
    assert (await campaigns.get(f"/v1/templates/{template['id']}")).json()["status"] == "draft"


async def test_a_template_is_shown_for_a_sample(campaigns: httpx.AsyncClient) -> None:
    body = make.TEMPLATE | {"variables": ["code"], "html": "<p>{{ contact.given_name }} {{ code }}</p>", "text": "{{ code }}"}
    path = f"/v1/templates/{(await make.create(campaigns, 'templates', body))['id']}/render"
    shown = (await campaigns.post(path, json={"contact": {"given_name": "<Asha>"}, "variables": {"code": "A&B"}})).json()
    assert shown == {"subject": "zqcanary <Asha>", "html": "<p>&lt;Asha&gt; A&amp;B</p>", "text": "A&B"}
    missing = await campaigns.post(path, json={"contact": {"given_name": "Asha"}})
    assert (missing.status_code, missing.json()["code"]) == (422, "missing_variable")


def test_a_default_stands_for_what_is_missing_and_nothing_else_does() -> None:
    words = parse_words("Hi", None, "{{ contact.given_name | default: 'you' }}{% if contact.country %}!{% endif %}")
    assert words.render({"contact": {"given_name": None}}).text == "you"
    with pytest.raises(MissingVariable, match="given_name"):
        parse_words("Hi", None, "{{ contact.given_name }}").render({"contact": {"given_name": None}})
    with pytest.raises(BrokenTemplate):
        parse_words("Hi", None, "{% for a in (1..900) %}{% for b in (1..900) %}x{% endfor %}{% endfor %}").render({})


async def _know(mitra: Mitra, tenant_id: UUID, **fields: Any) -> UUID:
    contact_id = uuid4()
    async with mitra.session("campaigns", tenant_id) as session:
        await session.execute(
            insert(ContactReference).values({"tenant_id": tenant_id, "contact_id": contact_id, "lifecycle": "prospect", **fields})
        )
        await session.commit()
    return contact_id


async def test_an_audience_is_who_is_included_and_not_excluded(mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient) -> None:
    owner = uuid4()
    top = await _know(mitra, tenant_id, country="DE", tier="top", churn_bps=7000, owner_id=owner, lifetime_value_minor=90_000)
    big = await _know(mitra, tenant_id, country="DE", tier="big", churn_bps=8000)
    new = await _know(mitra, tenant_id, country="FR", lifecycle="suspect")
    await _know(mitra, tenant_id, country="DE", archived_at=mitra.clock())
    await _know(mitra, tenant_id, country="DE", survivor_id=top)
    async with mitra.session("campaigns", tenant_id) as session:
        consent = {"tenant_id": tenant_id, "consent_id": uuid4(), "contact_id": big, "purpose": "news", "channel": "email"}
        await session.execute(insert(ConsentReference).values({**consent, "status": "granted", "changed_at": mitra.clock()}))
        await session.commit()

    async def members(include: list[str], exclude: list[str]) -> set[UUID]:
        audience = await make.create(campaigns, "audiences", {"name": "Some", "include": include, "exclude": exclude})
        preview = (await campaigns.post(f"/v1/audiences/{audience['id']}/preview")).json()
        assert preview["size"] == len(preview["sample"])
        return {UUID(contact_id) for contact_id in preview["sample"]}

    assert await members([""], []) == {top, big, new}
    assert await members(['country = "DE"'], []) == {top, big}
    assert await members(['country = "FR"', 'tier = "top"'], []) == {top, new}
    assert await members([""], ['tier = "top"', 'lifecycle = "suspect"']) == {big}
    assert await members(["churn_bps > 6000 AND lifetime_value_minor >= 90000"], []) == {top}
    assert await members([f'owner_id = "{owner}"'], []) == {top}
    assert await members(['consents:"news/email/granted"'], []) == {big}
    assert await members([""], ['consents:"news/email/granted"']) == {top, new}


async def test_a_preview_shows_twenty_of_many(mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient) -> None:
    for _ in range(23):
        await _know(mitra, tenant_id)
    audience = await make.create(campaigns, "audiences", make.AUDIENCE)
    preview = (await campaigns.post(f"/v1/audiences/{audience['id']}/preview")).json()
    assert (preview["size"], len(preview["sample"])) == (23, 20)


async def test_an_audience_that_is_ready_stays_as_it_is(mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient) -> None:
    await _know(mitra, tenant_id)
    path = f"/v1/audiences/{(await make.create(campaigns, 'audiences', make.AUDIENCE))['id']}"
    ready = await make.act(campaigns, f"{path}/ready")
    assert (ready["status"], ready["size"]) == ("ready", 1)
    assert (await campaigns.post(f"{path}/ready")).json()["code"] == "wrong_state"
    assert (await campaigns.patch(path, json={"include": ['country = "FR"']}, headers=make.ANY)).json()["code"] == "wrong_state"
    assert (await make.act(campaigns, f"{path}/archive"))["status"] == "archived"
    assert (await campaigns.post(f"{path}/ready")).status_code == 409
    assert (await make.act(campaigns, f"{path}/restore"))["status"] == "draft"


async def test_an_address_is_barred_by_its_hash_alone_and_once(mitra: Mitra, campaigns: httpx.AsyncClient) -> None:
    body = {"address": f"{make.CANARY}@Example.com"}
    barred = await make.create(campaigns, "suppressions", body)
    again = await campaigns.post("/v1/suppressions", json={"address": f" {make.CANARY.upper()}@example.com"})
    assert (again.status_code, again.json()["code"]) == (409, "suppressed_already")
    topic = await make.create(campaigns, "suppressions", body | {"topic_id": str(uuid4())})
    assert (barred["scope"], topic["scope"]) == ("tenant", "topic")
    assert topic["address_hash"] == barred["address_hash"]
    assert (await make.act(campaigns, f"/v1/suppressions/{barred['id']}/lift"))["status"] == "lifted"
    assert (await campaigns.post(f"/v1/suppressions/{barred['id']}/lift")).json()["code"] == "wrong_state"
    await make.create(campaigns, "suppressions", body)
    listed = (await campaigns.get("/v1/suppressions", params={"filter": 'status = "active"', "order_by": "created_at"})).json()["items"]
    found = (await campaigns.post("/v1/suppressions/search", json={"filter": 'scope = "topic"'})).json()["items"]
    assert ([item["scope"] for item in listed], [item["id"] for item in found]) == (["topic", "tenant"], [topic["id"]])
    assert (await campaigns.get(f"/v1/suppressions/{topic['id']}")).json() == topic
    events = await mitra.outbox("campaigns")
    assert [event.type.split(".")[2] for event in events] == ["added", "added", "lifted", "added"]
    assert make.CANARY not in "".join(event.to_json().decode() for event in events)


def test_the_hash_of_an_address_is_of_no_use_in_another_tenant(settings: Settings) -> None:
    one, other = uuid4(), uuid4()
    assert hasher_of(settings, one)("A@example.com") == hasher_of(settings, one)("a@example.com ")
    assert hasher_of(settings, one)("a@example.com") != hasher_of(settings, other)("a@example.com")
    assert hasher_of(settings, one)("a@example.com") != hasher_of(settings, one)("b@example.com")
