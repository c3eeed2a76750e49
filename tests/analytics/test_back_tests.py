"""Back-tests over HTTP: a report, a plot, an event, and a model that answers only when it has earned it."""

import random
import struct
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import pytest

from analytics_svc.churn.features import FEATURES, Feature
from analytics_svc.churn.signals import SIGNALS, Signal
from services.identifiers import new_id
from tests.analytics.make import Order, events_of, publish, settle
from tests.analytics.test_customers import MARCH, fitted
from tests.analytics.test_models import fit, models
from tests.harness import Mitra


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
def analytics(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    return mitra.client("analytics", mitra.caller(tenant_id))


def regulars_and_leavers(tenant_id: UUID, *, customers: int = 400) -> list[Order]:
    """A year in which every customer has a rhythm of a few weeks and half of them leave: what a model can learn from."""
    chance = random.Random(11)
    made = []
    for n in range(customers):
        contact_id, on = new_id(), date(2025, 3, 1) + timedelta(days=n % 60)
        rhythm, left = chance.choice((7, 14, 28, 56)), MARCH - timedelta(days=chance.choice((0, 0, chance.randrange(30, 330))))
        while on <= left:
            made.append(Order(tenant_id, contact_id).place(on, chance.randrange(300, 5000)))
            on += timedelta(days=max(1, round(chance.gauss(rhythm, rhythm / 3))))
    return made


async def back_tested(mitra: Mitra, analytics: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    """The job of a back-test, done."""
    asked = await analytics.post("/v1/models/back-test", json=body)
    assert asked.status_code == 202, asked.text
    await settle(mitra)
    return dict((await analytics.get(asked.headers["location"])).json())


async def trained(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient, *, as_of: str = "2025-08-01") -> tuple[str, str]:
    """A champion that learnt little (a closed form of an early day) and a model that learnt it all."""
    await publish(mitra, events_of(regulars_and_leavers(tenant_id)))
    (champion,) = (await fit(mitra, analytics, as_of=as_of, kinds=["churn"]))["result"]["model_ids"]
    (model,) = (await fit(mitra, analytics, kinds=["churn"]))["result"]["model_ids"]
    return champion, model


async def model_events(mitra: Mitra, model_id: str) -> list[tuple[str, dict[str, Any]]]:
    return [(e.type.split(".")[2], e.data) for e in await mitra.outbox("analytics") if e.subject == f"model/{model_id}"]


async def test_a_model_that_beats_the_champion_is_validated_and_promoted(
    mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient
) -> None:
    champion, model = await trained(mitra, tenant_id, analytics)
    refused = await analytics.post(f"/v1/models/{model}/promote")
    assert (refused.status_code, refused.json()["code"], refused.json()["state"]) == (409, "wrong_state", "trained")
    job = await back_tested(mitra, analytics, promote=True)
    report = job["result"]
    assert (report["verdict"], report["behind"], report["model_id"], report["incumbent_id"]) == ("validated", [], model, champion)
    assert [origin["as_of"] for origin in report["origins"]] == ["2025-06-01", "2025-08-31", "2025-11-30"]
    assert [origin["incumbent_in_sample"] for origin in report["origins"]] == [True, False, False]
    assert [each["contestant"] for each in report["contestants"]] == [
        *("model", "incumbent", "bg_nbd", "mbg_nbd", "pareto_nbd", "heuristic", "carry_forward", "last_26_weeks")
    ]
    read = {each["id"]: (each["status"], each["validated"]) for each in await models(analytics)}
    assert (read[model], read[champion]) == (("champion", True), ("retired", False))
    told = await model_events(mitra, model)
    assert [kind for kind, _ in told] == ["trained", "validated", "promoted"]
    assert (told[1][1]["incumbent_id"], told[1][1]["horizon_days"], len(told[1][1]["scores"])) == (champion, 91, 8)
    assert float(told[1][1]["scores"][0]["auc"]) == report["contestants"][0]["auc"]


async def test_a_model_that_does_not_beat_the_champion_is_rejected_for_ever(
    mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient
) -> None:
    """The champion has learnt from the very days of the test, the model is only what could be learnt before each of them."""
    champion, model = await trained(mitra, tenant_id, analytics, as_of=MARCH.isoformat())
    job = await back_tested(mitra, analytics, model_id=model, promote=True)
    assert (job["result"]["verdict"], job["result"]["behind"]) == ("rejected", ["behind_incumbent"])
    read = {each["id"]: each["status"] for each in await models(analytics)}
    assert (read[model], read[champion]) == ("rejected", "champion")
    kind, data = (await model_events(mitra, model))[-1]
    assert (kind, data["behind"], data["state"]["status"]) == ("rejected", ["behind_incumbent"], "rejected")
    for path, body in ((f"/v1/models/{model}/promote", None), ("/v1/models/back-test", {"model_id": model})):
        again = await analytics.post(path, json=body)
        assert (again.status_code, again.json()["state"]) == (409, "rejected")


async def test_the_best_family_is_chosen_for_the_tenant(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    await publish(mitra, events_of(regulars_and_leavers(tenant_id, customers=150)))
    await fit(mitra, analytics, kinds=["value", "spend"])
    (champion,) = await models(analytics, filter='kind = "value"')
    await fit(mitra, analytics, kinds=["value"], families=["bg_nbd", "mbg_nbd", "pareto_nbd"])
    job = await back_tested(mitra, analytics, kind="value", promote=True)
    report = job["result"]
    deviance = {each["contestant"]: each["deviance"] for each in report["contestants"]}
    families = ("bg_nbd", "mbg_nbd", "pareto_nbd")
    best = min(families, key=lambda name: deviance[name])
    assert (report["kind"], report["best_family"], report["verdict"], report["incumbent_id"]) == (
        "value",
        best,
        "validated",
        champion["id"],
    )
    assert [each["contestant"] for each in report["contestants"]] == [
        *("incumbent", *families, "heuristic", "carry_forward", "last_26_weeks")
    ]
    read = {(model["family"], model["status"]): model for model in await models(analytics, filter='kind = "value"')}
    assert set(read) == {("bg_nbd", "retired"), (best, "champion"), *((name, "rejected") for name in families if name != best)}
    assert (read[best, "champion"]["id"], read[best, "champion"]["validated"]) == (report["model_id"], True)
    for name in families:
        if name != best:
            (kind, data), model_id = (await model_events(mitra, read[name, "rejected"]["id"]))[-1], read[name, "rejected"]["id"]
            assert (kind, f"behind_{best}" in data["behind"]) == ("rejected", True)
            kept = (await analytics.get(f"/v1/models/{model_id}/calibration")).json()
            assert (kept["verdict"], kept["behind"], kept["contestants"]) == ("rejected", data["behind"], report["contestants"])
    told = await model_events(mitra, report["model_id"])
    assert [kind for kind, _ in told] == ["trained", "validated", "promoted"]
    scores = {score["contestant"]: score for score in told[1][1]["scores"]}
    assert {name: float(scores[name]["deviance"]) for name in families} == {name: deviance[name] for name in families}
    customer = (await analytics.get("/v1/customers?order_by=-lifetime_value_minor")).json()["items"][0]
    assert customer["value_model_id"] == report["model_id"]
    again = (await back_tested(mitra, analytics, kind="value"))["result"]
    assert (again["model_id"], again["incumbent_id"], again["verdict"]) == (report["model_id"], None, "validated")


async def test_the_champion_itself_is_marked_validated_and_stays(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    await publish(mitra, events_of(regulars_and_leavers(tenant_id)))
    (champion,) = (await fit(mitra, analytics, kinds=["churn"]))["result"]["model_ids"]
    await back_tested(mitra, analytics)
    (read,) = await models(analytics)
    assert (read["id"], read["status"], read["validated"]) == (champion, "champion", True)
    assert [kind for kind, _ in await model_events(mitra, champion)] == ["trained", "validated"]
    await back_tested(mitra, analytics)
    assert len(await model_events(mitra, champion)) == 2


async def test_the_report_and_the_plot_can_be_fetched(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    _, model = await trained(mitra, tenant_id, analytics)
    for path in ("calibration", "calibration.png"):
        early = await analytics.get(f"/v1/models/{model}/{path}")
        assert (early.status_code, early.json()["code"]) == (404, "never_tested")
        assert (await analytics.get(f"/v1/models/{uuid4()}/{path}")).json()["code"] == "not_found"
    job = await back_tested(mitra, analytics, origins=["2025-10-01"], horizon_days=60)
    report = (await analytics.get(f"/v1/models/{model}/calibration")).json()
    assert report == job["result"]
    (origin,) = report["origins"]
    assert 0 < origin["buyers"] < origin["customers"] <= 400
    first = report["contestants"][0]
    assert sum(each["customers"] for each in first["calibration"]) == origin["customers"]
    plot = await analytics.get(f"/v1/models/{model}/calibration.png")
    assert (plot.headers["content-type"], plot.content[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", plot.content[16:24]) == (768, 768)


@pytest.mark.parametrize("leak", ["signal", "nothing"])
async def test_a_feature_that_knows_the_future_is_refused(
    mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, leak: str
) -> None:
    """The signal counts orders; planted without the bound of the day, it counts those to come, and would make any model brilliant."""
    bound = "" if leak == "signal" else "WHERE occurred_on <= CAST(:as_of AS date)"
    orders = f"(SELECT contact_id, occurred_on FROM fact {bound}) AS bought"
    monkeypatch.setitem(SIGNALS, "orders", Signal(orders, "contact_id = ANY(:contact_ids)"))  # type: ignore[arg-type]
    monkeypatch.setitem(FEATURES, "orders", Feature("frequency", lambda seen: np.log1p(seen.signals["orders"])))  # type: ignore[arg-type]
    _, model = await trained(mitra, tenant_id, analytics)
    job = await back_tested(mitra, analytics, origins=["2025-10-01"])
    if leak == "nothing":
        assert job["status"] == "succeeded"
        return
    assert (job["status"], job["problem"]["code"]) == ("failed", "leaking_feature")
    assert job["problem"]["detail"] == "What was seen on 2025-10-01 knew what happened later: orders"
    (read,) = await models(analytics, filter='status = "trained"')
    assert (read["id"], (await model_events(mitra, model))[-1][0]) == (model, "trained")


async def test_what_cannot_be_tested_is_refused(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    nothing = await analytics.post("/v1/models/back-test", json={})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "no_model")
    assert (await analytics.post("/v1/models/back-test", json={"model_id": str(uuid4())})).status_code == 404
    await fitted(mitra, tenant_id)
    (spend,) = await models(analytics, filter='kind = "spend"')
    wrong = await analytics.post("/v1/models/back-test", json={"model_id": spend["id"]})
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (422, "wrong_kind")
    late = await analytics.post("/v1/models/back-test", json={"origins": ["2026-01-10"]})
    assert (late.status_code, late.json()["errors"][0]["pointer"]) == (422, "/origins")
    job = await back_tested(mitra, analytics, horizon_days=365)
    assert (job["status"], job["problem"]["code"]) == ("failed", "not_enough_history")
    job = await back_tested(mitra, analytics, origins=["2025-09-02"])
    assert (job["status"], job["problem"]["code"]) == ("failed", "not_enough_history")
