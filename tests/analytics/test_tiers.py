"""Tiers: who stands where, what the pyramid adds up to, and how to find who is worth most and likeliest to leave."""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from analytics_svc.scores import tiers
from analytics_svc.scores.models import Score
from analytics_svc.scores.tiers import TIERS, place_among_tiers, settle_tiers
from services.identifiers import new_id
from tests.analytics.make import KNOWN, Order, publish
from tests.analytics.test_churn import churn, ticket
from tests.analytics.test_customers import JAN, MARCH, fitted
from tests.analytics.test_scores import told
from tests.harness import Mitra


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
def analytics(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    return mitra.client("analytics", mitra.caller(tenant_id))


def tiers_of(values: dict[UUID, int]) -> dict[UUID, str]:
    """The rule in plain Python: 1, 4, 15 and 80 %, parts of a customer rounded up, ties to the smaller id."""
    ranked = sorted(values, key=lambda contact_id: (-values[contact_id], contact_id))
    cuts = [-(-share * len(ranked) // 100) for share in (1, 5, 20, 100)]
    return {contact_id: TIERS[next(n for n, cut in enumerate(cuts) if place < cut)] for place, contact_id in enumerate(ranked)}


def score(tenant_id: UUID, value: int | None) -> dict[str, Any]:
    days = {"as_of": MARCH, "scored_at": KNOWN, "currency": "USD", "first_on": JAN, "last_on": JAN}
    counts = dict.fromkeys(("purchase_days", "orders", "repeat_days", "orders_without_rate"), 1)
    money = {"revenue_to_date_minor": 5, "margin_to_date_minor": 5, "lifetime_value_minor": value}
    return {"tenant_id": tenant_id, "contact_id": new_id(), "reasons": [], **days, **counts, **money}


async def standing(session: Any) -> dict[UUID, str]:
    return dict((await session.execute(select(Score.contact_id, Score.tier).where(Score.lifetime_value_minor.is_not(None)))).all())


@hypothesis_settings(max_examples=25)
@given(values=st.lists(st.integers(-3, 12), min_size=1, max_size=230), seed=st.integers(0, 99))
async def test_tiers_are_places_by_value_and_placing_anybody_again_moves_nobody(
    running_mitra: Mitra, values: Sequence[int], seed: int
) -> None:
    """For all values, ties included: settled tiers are those of the plain rule, and who is placed alone comes to stand there too."""
    tenant_id = await running_mitra.new_tenant()
    rows = [score(tenant_id, value) for value in (*values, None)]
    expected = tiers_of({row["contact_id"]: row["lifetime_value_minor"] for row in rows[:-1]})
    some = random.Random(seed).sample(list(expected), k=min(3, len(expected)))
    async with running_mitra.session("analytics", tenant_id) as session:
        await session.execute(insert(Score), rows)
        assert set(await settle_tiers(session)) == set(expected)
        assert await standing(session) == expected
        assert await settle_tiers(session) == []
        await session.execute(update(Score).where(Score.contact_id.in_(some)).values(tier=None))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tiers, "SMALL_COMPANY", 0)
            assert await place_among_tiers(session, some) == []
        assert await standing(session) == expected


async def test_a_score_carries_the_churn_that_the_single_answer_gives(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    contact_id = (await fitted(mitra, tenant_id, customers=320))[3]
    read, answer = (await analytics.get(f"/v1/customers/{contact_id}/summary")).json(), await churn(analytics, contact_id)
    assert read["churn_bps"] == round(answer["churn"] * 10_000)
    assert read["value_at_risk_minor"] == pytest.approx(answer["churn"] * read["lifetime_value_minor"], abs=1)
    said = [(reason["code"], float(reason["number"]), reason["contribution_milli"]) for reason in read["reasons"]]
    assert said == [(r["code"], r["number"], round(r["contribution"] * 1000)) for r in answer["reasons"][:3]]
    (state,) = await told(mitra, contact_id)
    assert {name: state[name] for name in ("tier", "churn_bps", "value_at_risk_minor", "reasons")} == {
        name: read[name] for name in ("tier", "churn_bps", "value_at_risk_minor", "reasons")
    }
    assert (state["churn_horizon_days"], state["model_ids"][2]) == (180, read["churn_model_id"])


async def test_the_pyramid_adds_up_to_the_list(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    await fitted(mitra, tenant_id)
    listed = (await analytics.get("/v1/customers", params={"page_size": 200})).json()["items"]
    expected = tiers_of({UUID(customer["contact_id"]): customer["lifetime_value_minor"] for customer in listed})
    assert {UUID(customer["contact_id"]): customer["tier"] for customer in listed} == expected
    pyramid = (await analytics.get("/v1/pyramid")).json()
    assert (pyramid["currency"], pyramid["without_tier"]) == ("USD", 0)
    assert [(level["tier"], level["customers"]) for level in pyramid["levels"]] == [("top", 2), ("big", 6), ("medium", 24), ("small", 128)]
    for level in pyramid["levels"]:
        here = [customer for customer in listed if customer["tier"] == level["tier"]]
        for name in ("revenue_to_date_minor", "lifetime_value_minor", "value_at_risk_minor"):
            assert level[name] == sum(customer[name] for customer in here)
        assert level["expected_leavers"] == pytest.approx(sum(customer["churn_bps"] for customer in here) / 10_000)


async def test_before_there_is_a_model_the_pyramid_is_empty(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    await publish(mitra, Order(tenant_id, new_id()).place(JAN).events)
    pyramid = (await analytics.get("/v1/pyramid")).json()
    assert ([level["customers"] for level in pyramid["levels"]], pyramid["without_tier"]) == ([0, 0, 0, 0], 1)


async def test_who_is_worth_most_and_likeliest_to_leave_is_found(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    await fitted(mitra, tenant_id)
    listed = (await analytics.get("/v1/customers", params={"page_size": 200})).json()["items"]
    for tier, churn_bps in (("top", 100), ("medium", 2000), ("small", 6000)):
        query = {"filter": f'churn_bps > {churn_bps} AND tier = "{tier}"', "order_by": "-value_at_risk_minor", "page_size": 200}
        found = (await analytics.get("/v1/customers", params=query)).json()["items"]
        expected = {c["contact_id"] for c in listed if c["tier"] == tier and c["churn_bps"] > churn_bps}
        assert {customer["contact_id"] for customer in found} == expected != set()
        at_risk = [customer["value_at_risk_minor"] for customer in found]
        assert at_risk == sorted(at_risk, reverse=True)
    first = (await analytics.get("/v1/customers", params={"order_by": "churn_bps", "page_size": 50})).json()
    assert [c["churn_bps"] for c in first["items"]] == sorted(c["churn_bps"] for c in listed)[:50]


async def test_a_customer_who_falls_silent_is_told_again_when_two_points_of_churn_have_gathered(
    mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient
) -> None:
    contact_id = new_id()
    days = [date(2025, 9, 6) + timedelta(days=14 * n) for n in range(13)]
    await fitted(mitra, tenant_id, [Order(tenant_id, contact_id).place(day) for day in days], customers=320)
    for _ in range(4):
        mitra.clock.advance(days=21)
        await publish(mitra, ticket(tenant_id, contact_id, mitra.clock.now.date(), type="complaint").messages)
    states = await told(mitra, contact_id)
    assert len(states) > 2
    churns = [state["churn_bps"] for state in states]
    assert churns == sorted(churns)
    assert churns[-1] > churns[0] + 2000
    (last,) = [reason for reason in states[-1]["reasons"] if reason["code"] == "last_order"]
    assert (last["number"], last["usual"]) == ("93", "14")
