"""Fitting models, and deciding which of them answers."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from analytics_svc.value import families, statistics
from tests.analytics.make import events_of, publish, settle
from tests.analytics.test_customers import company, fitted
from tests.harness import Mitra


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
def analytics(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    return mitra.client("analytics", mitra.caller(tenant_id))


async def fit(mitra: Mitra, analytics: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    """The job of a fit, done."""
    asked = await analytics.post("/v1/models/fit", json=body)
    assert asked.status_code == 202, asked.text
    await settle(mitra)
    return dict((await analytics.get(asked.headers["location"])).json())


async def models(analytics: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    return list((await analytics.get("/v1/models", params=query)).json()["items"])


async def test_too_little_history_is_said_by_the_job(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    await publish(mitra, events_of(company(tenant_id, customers=3)))
    job = await fit(mitra, analytics)
    assert (job["status"], job["problem"]["code"], job["problem"]["status"]) == ("failed", "not_enough_history", 409)
    assert await models(analytics) == []
    empty = mitra.client("analytics", mitra.caller(await mitra.new_tenant()))
    assert (await fit(mitra, empty))["problem"]["code"] == "not_enough_history"


async def test_a_first_model_is_fitted_when_purchases_have_stopped_coming(
    mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient
) -> None:
    await publish(mitra, events_of(company(tenant_id, customers=100)))
    mitra.clock.advance(seconds=11)
    await settle(mitra)
    assert await models(analytics) == []
    await publish(mitra, events_of(company(tenant_id)))
    assert await models(analytics) == []
    mitra.clock.advance(seconds=11)
    await settle(mitra)
    found = {model["kind"]: model for model in await models(analytics)}
    assert {kind: (m["status"], m["validated"], m["version"]) for kind, m in found.items()} == {
        "value": ("champion", False, 1),
        "spend": ("champion", False, 1),
        "churn": ("champion", False, 1),
    }
    assert found["value"]["customers"] == 260
    assert (await analytics.get("/v1/customers?order_by=-lifetime_value_minor")).json()["items"][0]["lifetime_value_minor"] > 0
    told = [event for event in await mitra.outbox("analytics") if event.type == "analytics.model.trained.v1"]
    assert [event.data["state"]["status"] for event in told] == ["champion"] * 3


async def test_a_later_model_answers_only_when_it_is_promoted(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    contact_id = (await fitted(mitra, tenant_id))[0]
    (first,) = await models(analytics, filter='kind = "spend"')
    job = await fit(mitra, analytics, as_of="2026-01-31", kinds=["spend"])
    (second_id,) = job["result"]["model_ids"]
    path = f"/v1/customers/{contact_id}/value"
    second = (await analytics.get(f"/v1/models/{second_id}")).json()
    assert (second["status"], second["window_to"]) == ("trained", "2026-01-31")
    assert (await analytics.get(path)).json()["models"][1]["id"] == first["id"]
    asked = (await analytics.get(path, params={"model_id": second_id})).json()
    assert asked["models"][1]["id"] == second_id
    promoted = await analytics.post(f"/v1/models/{second_id}/promote")
    assert (promoted.status_code, promoted.json()["status"], promoted.headers["etag"]) == (200, "champion", '"2"')
    await settle(mitra)
    assert (await analytics.get(path)).json()["models"] == asked["models"]
    assert (await analytics.get(f"/v1/customers/{contact_id}/summary")).json()["spend_model_id"] == second_id
    assert (await analytics.get(f"/v1/models/{first['id']}")).json()["status"] == "retired"
    events = [(e.type, e.subject, e.sequence) for e in await mitra.outbox("analytics") if e.type.startswith("analytics.model.")][-2:]
    assert events == [
        ("analytics.model.retired.v1", f"model/{first['id']}", 2),
        ("analytics.model.promoted.v1", f"model/{second_id}", 2),
    ]
    for model_id, state in ((second_id, "champion"), (first["id"], "retired")):
        again = (await analytics.post(f"/v1/models/{model_id}/promote")).json()
        assert (again["status"], again["code"], again["state"]) == (409, "wrong_state", state)


async def test_folding_the_events_of_a_model_gives_the_model(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    await fitted(mitra, tenant_id)
    job = await fit(mitra, analytics, as_of="2026-01-31")
    spend_id = job["result"]["model_ids"][1]
    assert (await analytics.post(f"/v1/models/{spend_id}/promote")).status_code == 200
    folded = {e.subject: e.data["state"] for e in await mitra.outbox("analytics") if e.subject.startswith("model/")}
    read = await models(analytics)
    assert len(read) == len(folded) == 6
    for model in read:
        state = folded[f"model/{model['id']}"]
        assert {name: model[name] for name in state} == state


async def test_two_models_of_a_kind_and_unknown_ones_are_refused(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    contact_id = (await fitted(mitra, tenant_id))[0]
    (first,) = await models(analytics, filter='kind = "value"')
    (second_id,) = (await fit(mitra, analytics, kinds=["value"]))["result"]["model_ids"]
    path = f"/v1/customers/{contact_id}/value"
    both = await analytics.get(path, params={"model_id": [first["id"], second_id]})
    assert (both.status_code, both.json()["errors"][0]["code"]) == (422, "two_of_a_kind")
    assert (await analytics.get(path, params={"model_id": str(uuid4())})).status_code == 404
    (churn,) = await models(analytics, filter='kind = "churn"')
    other = await analytics.get(path, params={"model_id": churn["id"]})
    assert (other.status_code, other.json()["errors"][0]["code"]) == (422, "wrong_kind")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"as_of": "2026-03-03"}, "/as_of"),
        ({"kinds": []}, "/kinds"),
        ({"kinds": ["uplift"]}, "/kinds/0"),
        ({"families": ["bg_bb"]}, "/families/0"),
        ({"today": 1}, "/today"),
    ],
)
async def test_a_wrong_fit_is_refused(analytics: httpx.AsyncClient, body: dict[str, Any], pointer: str) -> None:
    answer = await analytics.post("/v1/models/fit", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_value_model_is_fitted_for_each_family_asked_for(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    contact_id = (await fitted(mitra, tenant_id))[0]
    job = await fit(mitra, analytics, kinds=["value"], families=["pareto_nbd", "bg_nbd", "mbg_nbd"])
    read = [(await analytics.get(f"/v1/models/{model_id}")).json() for model_id in job["result"]["model_ids"]]
    names = [[parameter["name"] for parameter in model["parameters"]] for model in read]
    assert [(model["family"], model["status"]) for model in read] == [
        ("pareto_nbd", "trained"),
        ("bg_nbd", "trained"),
        ("mbg_nbd", "trained"),
    ]
    assert names == [["r", "alpha", "s", "beta"], ["r", "alpha", "a", "b"], ["r", "alpha", "a", "b"]]
    path, horizon = f"/v1/customers/{contact_id}/value", 91
    for model in read:
        said = (await analytics.get(path, params={"model_id": model["id"], "horizon": horizon})).json()
        numbers = {parameter["name"]: float(parameter["value"]) for parameter in model["parameters"]}
        seen = statistics.histories_in_weeks(*said["statistics"].values())
        purchases = families.purchase_model(model["family"], numbers)
        assert said["expected_purchases"] == pytest.approx(families.expected_purchases(purchases, seen, horizon / 7)[0], rel=1e-12)
        assert said["p_buys_within_horizon"] == pytest.approx(families.p_buys_within(purchases, seen, horizon / 7)[0], rel=1e-12)
        assert (said["p_alive"], said["models"][0]["family"]) == (families.p_alive(purchases, seen)[0], model["family"])


async def test_the_first_of_the_families_is_the_champion_and_a_refit_keeps_its_family(
    mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient
) -> None:
    await publish(mitra, events_of(company(tenant_id)))
    await fit(mitra, analytics, kinds=["value"], families=["pareto_nbd", "mbg_nbd"])
    await fit(mitra, analytics, kinds=["value"])
    read = sorted((model["family"], model["status"]) for model in await models(analytics))
    assert read == [("mbg_nbd", "trained"), ("pareto_nbd", "champion"), ("pareto_nbd", "trained")]
    (second,) = await models(analytics, filter='family = "pareto_nbd" AND status = "trained"')
    refused = await analytics.post(f"/v1/models/{second['id']}/promote")
    assert (refused.status_code, refused.json()["state"], refused.json()["verbs_that_fit"]) == (409, "trained", ["back-test"])


async def test_a_forecast_stays_outside_the_window_and_with_value_models(
    mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient
) -> None:
    await fitted(mitra, tenant_id)
    by_kind = {model["kind"]: model for model in await models(analytics)}
    path = f"/v1/models/{by_kind['value']['id']}/forecast"
    window_to = by_kind["value"]["window_to"]
    inside = await analytics.get(path, params={"from": window_to, "to": "2026-06-30"})
    assert (inside.status_code, inside.json()["errors"][0]["code"]) == (422, "in_window")
    backwards = await analytics.get(path, params={"from": "2026-04-02", "to": "2026-04-01"})
    assert (backwards.status_code, backwards.json()["errors"][0]["pointer"]) == (422, "#query/to")
    spend = await analytics.get(f"/v1/models/{by_kind['spend']['id']}/forecast", params={"from": "2026-04-01", "to": "2026-04-02"})
    assert (spend.status_code, spend.json()["code"]) == (409, "not_a_value_model")
    whole, first, second = [
        (await analytics.get(path, params={"from": a, "to": b})).json()["expected_purchases"]
        for a, b in (("2026-04-01", "2026-05-31"), ("2026-04-01", "2026-04-30"), ("2026-05-01", "2026-05-31"))
    ]
    assert whole == pytest.approx(first + second, rel=1e-12)


async def test_the_sweep_asks_for_the_scores_of_every_tenant(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    from analytics_svc.scores.operations import sweep
    from services.contact_resolver import ContactResolver
    from services.jobs import Work

    contact_id = (await fitted(mitra, tenant_id))[0]
    before = (await analytics.get(f"/v1/customers/{contact_id}/summary")).json()
    mitra.clock.advance(days=30)
    async with mitra.session("analytics", None) as session:
        contacts = ContactResolver(mitra.settings, "analytics_svc")
        asked: Any = uuid4(), "score_sweep", "schedule", UUID(int=0), {}
        work = Work(*asked, mitra.settings, contacts, mitra.clock, lambda *_: pytest.fail("nothing to report"))
        assert (await sweep(session, work))["tenants"] == 1
        await session.commit()
    await settle(mitra)
    a_month_later = mitra.client("analytics", mitra.caller(tenant_id))
    after = (await a_month_later.get(f"/v1/customers/{contact_id}/summary")).json()
    assert (before["as_of"], after["as_of"]) == ("2026-03-02", "2026-04-01")
    assert after["expected_purchases"] < before["expected_purchases"]
