"""Who unsubscribes by the link of a mail no longer agrees: the consent follows."""

from typing import Any
from uuid import UUID

import httpx

from services.events.campaigns import SubscriptionState, SubscriptionUnsubscribed
from services.identifiers import new_id
from tests.contacts.make import ask, create, create_purpose, proof
from tests.contacts.test_lifecycles import publish
from tests.harness import START, Mitra


def unsubscribed(contact_id: str, **fields: Any) -> SubscriptionUnsubscribed:
    named = {"contact_id": contact_id, "channel": "email", "purpose": "news"} | fields
    return SubscriptionUnsubscribed(state=SubscriptionState.model_validate({"id": new_id(), "created_at": START} | named))


async def statuses(contacts: httpx.AsyncClient, contact_id: str) -> list[tuple[str, str, str | None, str]]:
    items = (await contacts.get(f"/v1/contacts/{contact_id}/consents")).json()["items"]
    return [(each["purpose"], each["channel"], each["topic_id"], each["status"]) for each in items]


async def test_an_unsubscribe_withdraws_the_consents_of_its_purpose_and_channel_and_no_other(
    mitra: Mitra, contacts: httpx.AsyncClient, tenant_id: UUID
) -> None:
    for key in ("news", "invoices"):
        await create_purpose(contacts, key=key)
    ann, bob, topic_id, campaign_id = await create(contacts), await create(contacts), str(new_id()), new_id()
    granted = {"status": "granted", "proof": proof(START)}
    for fields in ({}, {"topic_id": topic_id}, {"channel": "sms"}, {"purpose": "invoices"}):
        await ask(contacts, ann["id"], **granted, **fields)
    await ask(contacts, bob["id"])
    about_topic = unsubscribed(ann["id"], topic_id=topic_id)
    await publish(mitra, tenant_id, [about_topic])
    kept = [("invoices", "email", None, "granted"), ("news", "email", None, "granted"), ("news", "email", topic_id, "withdrawn")]
    assert await statuses(contacts, ann["id"]) == [*kept, ("news", "sms", None, "granted")]
    await publish(
        mitra, tenant_id, [unsubscribed(ann["id"], campaign_id=campaign_id)], [unsubscribed(bob["id"])], [unsubscribed(ann["id"])]
    )
    assert [each[3] for each in await statuses(contacts, ann["id"])] == ["granted", "withdrawn", "withdrawn", "granted"]
    assert [each[3] for each in await statuses(contacts, bob["id"])] == ["pending"]
    history = (await contacts.get("/v1/consents", params={"filter": 'status = "withdrawn" AND topic_id = null'})).json()["items"]
    assert [(each["source"], each["version"], each["proof"]) for each in history] == [("unsubscribe", 2, None)]
