"""Replay equals live: what each service keeps of the others, emptied and read again from the log, is what it was."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, select, text

from services.database import Base, now
from services.events.analytics import CustomerScored, ScoreState
from services.outbox import Written, record_many
from services.references import ConsentReference, ContactReference
from tests.contacts.make import ask, create, create_purpose
from tests.harness import Mitra

KEPT: list[type[Base]] = [ContactReference, ConsentReference]
NUMBERS = dict.fromkeys(
    ["expected_purchases_milli", "p_alive_bps", "p_buys_bps", "revenue_to_date_minor", "margin_to_date_minor", "discount_bps"], 1
)


async def score(mitra: Mitra, tenant_id: UUID, contact_id: UUID, values: list[int]) -> None:
    """What analytics tells of a customer, one after another."""
    async with mitra.session("analytics", tenant_id) as session:
        at = now(session)
        days: dict[str, Any] = {"as_of": at.date(), "created_at": at, "scored_at": at, "currency": "USD", "horizon_days": 364}
        told = [
            CustomerScored(
                state=ScoreState(id=contact_id, lifetime_value_minor=value, tier="big", churn_bps=value, model_ids=[], **days, **NUMBERS)
            )
            for value in values
        ]
        for sequence, fact in enumerate(told, start=1):
            session.info.pop("recorded", None)
            await record_many(session, [(Written(contact_id, sequence, f"{tenant_id}:{contact_id}", at), fact, None)])
        await session.commit()


async def live(mitra: Mitra, tenant_id: UUID) -> None:
    """Three contacts: one changed, asked and confirmed; one archived, who withdraws; one who never answers. Two are scored."""
    contacts = mitra.client("contacts", mitra.caller(tenant_id))
    await create_purpose(contacts)
    made = [await create(contacts, language=language) for language in ("de", "fr", "en")]
    asked = [(await ask(contacts, each["id"])).json()["id"] for each in made]
    for path in (f"consents/{asked[0]}/confirm", f"consents/{asked[1]}/confirm", f"consents/{asked[1]}/withdraw"):
        assert (await contacts.post(f"/v1/{path}")).is_success, path
    changed = await contacts.patch(f"/v1/contacts/{made[0]['id']}", json={"language": "it"}, headers={"If-Match": "*"})
    assert changed.is_success, changed.text
    assert (await contacts.post(f"/v1/contacts/{made[1]['id']}/archive")).is_success
    for each, values in ((made[0], [7, 4_000]), (made[2], [90])):
        await score(mitra, tenant_id, UUID(each["id"]), values)
    await mitra.drain(jobs=False)


async def kept(mitra: Mitra, service: str, tenant_id: UUID) -> list[list[dict[str, Any]]]:
    """Every row of what a service keeps, table by table."""
    async with mitra.session(service, tenant_id) as session:
        statements = [select(table.__table__).order_by(*table.__table__.primary_key) for table in KEPT]
        return [[dict(row) for row in (await session.execute(statement)).mappings()] for statement in statements]


@pytest.mark.parametrize("service", ["pipeline", "tickets"])
async def test_what_a_service_keeps_of_others_is_the_same_read_again_from_the_log(mitra: Mitra, service: str) -> None:
    """Through the very consumer of the service, all of whose handlers only keep what is told."""
    tenant_id = await mitra.new_tenant()
    await live(mitra, tenant_id)
    contacts, consents = before = await kept(mitra, service, tenant_id)
    seen = {row["language"]: (row["archived_at"] is not None, row["tier"], row["churn_bps"]) for row in contacts}
    assert seen == {"it": (False, "big", 4_000), "fr": (True, None, None), "en": (False, "big", 90)}
    assert sorted(row["status"] for row in consents) == ["granted", "pending", "withdrawn"]
    async with mitra.session(service, tenant_id) as session:
        for table in KEPT:
            await session.execute(delete(table))
        for name in ("applied", "consumer_offset"):
            await session.execute(text(f"DELETE FROM {name}"))
        await session.commit()
    mitra.workers[service].consumer.forget_positions()
    assert await kept(mitra, service, tenant_id) == [[], []]
    while await mitra.workers[service].consumer.step(wait_seconds=0.0):
        pass
    assert await kept(mitra, service, tenant_id) == before
