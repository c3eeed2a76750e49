"""Lift: what a campaign did against those who were left alone, and the pure function held against an independent computation."""

import csv
from pathlib import Path
from uuid import UUID

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from campaigns_svc.results.lift import Sample, lift
from tests.campaigns import make
from tests.harness import Mitra
from tests.mail_sink import MailSink

HILLSTROM = Path(__file__).resolve().parents[3] / "shared" / "data" / "hillstrom" / "hillstrom.csv"


def sample(values: np.ndarray) -> Sample:
    return Sample(len(values), float(values.sum()), float((values * values).sum()))


@pytest.fixture(scope="module")
def hillstrom() -> dict[str, dict[str, np.ndarray]]:
    """The 64,000 customers of Kevin Hillstrom's MineThatData challenge: outcomes by arm."""
    if not HILLSTROM.exists():
        pytest.skip("the data set is not here")
    with HILLSTROM.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 64_000
    arms = sorted({row["segment"] for row in rows})
    return {
        arm: {name: np.array([float(row[name]) for row in rows if row["segment"] == arm]) for name in ("visit", "conversion", "spend")}
        for arm in arms
    }


@pytest.mark.parametrize("arm", ["Mens E-Mail", "Womens E-Mail"])
@pytest.mark.parametrize("outcome", ["visit", "conversion", "spend"])
def test_the_lifts_of_hillstrom_are_those_of_an_independent_computation(
    hillstrom: dict[str, dict[str, np.ndarray]], arm: str, outcome: str
) -> None:
    treated, control = hillstrom[arm][outcome], hillstrom["No E-Mail"][outcome]
    found = lift(sample(treated), sample(control))
    interval = stats.ttest_ind(treated, control, equal_var=False).confidence_interval(0.95)
    assert found.difference == pytest.approx(np.mean(treated) - np.mean(control), rel=1e-9)
    assert (found.low, found.high) == (pytest.approx(interval.low, rel=1e-8), pytest.approx(interval.high, rel=1e-8))
    print(f"{arm} {outcome}: {found.difference:.6f} [{found.low:.6f}, {found.high:.6f}]")


def test_the_lifts_of_hillstrom_are_those_that_are_published(hillstrom: dict[str, dict[str, np.ndarray]]) -> None:
    control = hillstrom["No E-Mail"]
    shares = {arm: {name: found.mean() for name, found in outcomes.items()} for arm, outcomes in hillstrom.items()}
    assert shares["No E-Mail"]["visit"] == pytest.approx(0.1062, abs=5e-5)
    men = {name: lift(sample(hillstrom["Mens E-Mail"][name]), sample(control[name])) for name in control}
    assert men["visit"].difference == pytest.approx(0.0766, abs=5e-5)
    assert men["conversion"].difference == pytest.approx(0.0068, abs=5e-5)
    assert men["spend"].difference == pytest.approx(0.7698, abs=5e-4)


@given(
    treated=st.lists(st.integers(0, 10_000), min_size=2, max_size=40),
    control=st.lists(st.integers(0, 10_000), min_size=2, max_size=40),
)
def test_the_interval_holds_the_difference_and_turns_with_the_arms(treated: list[int], control: list[int]) -> None:
    """Law: low ≤ difference ≤ high, and the lift of the arms exchanged is its negative."""
    one, other = sample(np.array(treated, float)), sample(np.array(control, float))
    found, turned = lift(one, other), lift(other, one)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.difference <= found.high
    assert turned.difference == pytest.approx(-found.difference)
    assert (turned.low, turned.high) == (pytest.approx(-found.high), pytest.approx(-found.low))


def test_there_is_no_interval_for_an_arm_of_one() -> None:
    found = lift(Sample(1, 5, 25), Sample(10, 10, 20))
    assert (found.difference, found.low, found.high) == (4, None, None)


async def _buy(mitra: Mitra, tenant_id: UUID, contact_id: UUID, amount: int, **fields: object) -> str:
    pipeline = mitra.client("pipeline", mitra.caller(tenant_id))
    body = {"contact_id": str(contact_id), "currency": "USD", "status": "placed", "paid": True, "total_minor": amount, **fields}
    answer = await pipeline.post("/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_the_lift_of_a_campaign_is_that_of_the_orders_in_its_window(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink
) -> None:
    ids = await make.readers(mitra, tenant_id, 40)
    await _buy(mitra, tenant_id, ids[0], 9_999)
    campaign = await make.scheduled(campaigns, holdout_bps=4_000, goal={"window_days": 7})
    path = f"/v1/campaigns/{campaign['id']}/lift"
    assert (await campaigns.get(path)).json()["code"] == "not_started"
    await mitra.drain()
    sends = (await campaigns.get("/v1/sends", params={"page_size": 200})).json()["items"]
    arms: dict[str, list[UUID]] = {"treatment": [], "holdout": []}
    for send in sends:
        arms[send["arm"]].append(UUID(send["contact_id"]))
    mitra.clock.advance(minutes=1)
    for contact_id in (*arms["treatment"][:6], arms["holdout"][0]):
        await _buy(mitra, tenant_id, contact_id, 1_000)
    refunded = await _buy(mitra, tenant_id, arms["treatment"][0], 500)
    cancelled = await _buy(mitra, tenant_id, arms["holdout"][1], 700, paid=False)
    await _buy(mitra, tenant_id, arms["holdout"][2], 800, is_test=True)
    pipeline = mitra.client("pipeline", mitra.caller(tenant_id))
    await make.act(pipeline, f"/v1/orders/{refunded}/refund", amount_minor=200)
    await make.act(pipeline, f"/v1/orders/{cancelled}/cancel")
    mitra.clock.advance(days=8)
    await _buy(mitra, tenant_id, arms["treatment"][7], 4_000)
    await mitra.drain()
    late = mitra.client("campaigns", mitra.caller(tenant_id))
    found = (await late.get(path)).json()
    treated, control = np.zeros(len(arms["treatment"])), np.zeros(len(arms["holdout"]))
    treated[:6], treated[0], control[0] = 1_000, 1_300, 1_000
    assert (found["treatment_size"], found["holdout_size"], found["is_over"], found["currency"]) == (
        len(treated),
        len(control),
        True,
        "USD",
    )
    for metric, one, other in zip(found["metrics"], (treated > 0, treated), (control > 0, control), strict=True):
        interval = stats.ttest_ind(one.astype(float), other.astype(float), equal_var=False).confidence_interval(0.95)
        assert float(metric["lift"]) == pytest.approx(one.mean() - other.mean(), abs=1e-6)
        assert (float(metric["low"]), float(metric["high"])) == (
            pytest.approx(interval.low, abs=1e-5),
            pytest.approx(interval.high, abs=1e-5),
        )
