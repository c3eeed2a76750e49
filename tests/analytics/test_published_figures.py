"""The published figures of CDNOW (reference/value.md, section 1), from the service's own answers: events in, HTTP out."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.analytics.cdnow import sample_orders
from tests.analytics.make import Order, events_of, publish, settle
from tests.harness import Mitra

CALIBRATED = "1997-09-30"


@dataclass
class Fitted:
    """A tenant with the whole sample, fitted as of the end of the calibration period."""

    client: httpx.AsyncClient
    repeats: dict[UUID, int]
    models: dict[str, dict[str, Any]]
    pareto: dict[str, Any]


@pytest.fixture(scope="module")
async def fitted(running_mitra: Mitra) -> AsyncIterator[Fitted]:
    await running_mitra.empty()
    tenant_id = await running_mitra.new_tenant()
    client = running_mitra.client("analytics", running_mitra.caller(tenant_id))
    orders = sample_orders(tenant_id)
    await publish(running_mitra, events_of(orders))
    models = await fit(running_mitra, client)
    (pareto,) = await fit(running_mitra, client, kinds=["value"], families=["pareto_nbd"])
    yield Fitted(client, repeats_of(orders), {model["kind"]: model for model in models}, pareto)
    await running_mitra.empty()


async def fit(mitra: Mitra, client: httpx.AsyncClient, **body: Any) -> list[dict[str, Any]]:
    """The models of a fit as of the end of the calibration period."""
    asked = await client.post("/v1/models/fit", json={"as_of": CALIBRATED, **body})
    assert asked.status_code == 202
    await settle(mitra)
    job = (await client.get(asked.headers["location"])).json()
    assert job["status"] == "succeeded", job
    return [(await client.get(f"/v1/models/{model_id}")).json() for model_id in job["result"]["model_ids"]]


def repeats_of(orders: Sequence[Order]) -> dict[UUID, int]:
    """The repeat purchase days of each customer by the end of the calibration, counted from the file."""
    days: dict[UUID, set[date]] = defaultdict(set)
    for order in orders:
        if order.state["placed_on"].isoformat() <= CALIBRATED:
            days[order.contact_id].add(order.state["placed_on"])
    return {contact_id: len(bought) - 1 for contact_id, bought in days.items()}


def numbers(model: dict[str, Any], key: str) -> dict[str, float]:
    return {parameter["name"]: float(parameter[key]) for parameter in model["parameters"]}


async def test_the_value_model_has_the_published_parameters_and_standard_errors(fitted: Fitted) -> None:
    model = fitted.models["value"]
    assert (model["family"], model["customers"], model["status"], model["validated"]) == ("bg_nbd", 2357, "champion", False)
    assert (model["window_from"], model["window_to"]) == ("1997-01-01", CALIBRATED)
    assert numbers(model, "value") == pytest.approx({"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}, abs=5e-5)
    assert numbers(model, "standard_error") == pytest.approx({"r": 0.0126, "alpha": 0.3782, "a": 0.1857, "b": 0.7054}, abs=5e-5)
    assert float(model["log_likelihood"]) == pytest.approx(-9582.4292, abs=5e-5)


async def test_the_spend_model_has_the_published_parameters(fitted: Fitted) -> None:
    model = fitted.models["spend"]
    assert (model["family"], model["customers"], model["currency"], model["margin_rate"]) == ("gamma_gamma", 946, "USD", None)
    assert numbers(model, "value") == pytest.approx({"p": 6.2496, "q": 3.7442, "gamma": 15.4435}, abs=5e-5)
    assert float(model["log_likelihood"]) == pytest.approx(-4055.9177, abs=5e-5)


async def test_the_forecast_and_the_conditional_expectations_are_the_published_ones(fitted: Fitted) -> None:
    path = f"/v1/models/{fitted.models['value']['id']}/forecast"
    answer = (await fitted.client.get(path, params={"from": "1997-10-01", "to": "1998-06-30"})).json()
    assert (answer["customers"], round(answer["expected_purchases"], 1)) == (2357, 1653.4)
    groups = {group["x"]: group for group in answer["groups"]}
    expected = {0: 0.225, 1: 0.523, 2: 1.044, 3: 1.520, 4: 2.164, 5: 2.654, 6: 3.504, 7: 6.157}
    assert {x: round(group["mean_expected_purchases"], 3) for x, group in groups.items()} == expected
    assert sum(group["customers"] for group in groups.values()) == 2357
    assert [x for x, group in groups.items() if group["or_more"]] == [7]


async def test_pareto_nbd_has_its_published_parameters_forecast_and_expectations(fitted: Fitted) -> None:
    model = fitted.pareto
    assert (model["family"], model["customers"], model["status"]) == ("pareto_nbd", 2357, "trained")
    assert numbers(model, "value") == pytest.approx({"r": 0.55328, "alpha": 10.5777, "s": 0.60624, "beta": 11.6687}, abs=5e-5)
    assert numbers(model, "standard_error") == pytest.approx({"r": 0.04763, "alpha": 0.84272, "s": 0.18728, "beta": 6.2111}, abs=5e-5)
    assert float(model["log_likelihood"]) == pytest.approx(-9594.976, abs=5e-4)
    query = {"from": "1997-10-01", "to": "1998-06-30"}
    answer = (await fitted.client.get(f"/v1/models/{model['id']}/forecast", params=query)).json()
    means = [round(group["mean_expected_purchases"], 3) for group in answer["groups"]]
    assert (round(answer["expected_purchases"], 1), means) == (1665.5, [0.138, 0.599, 1.196, 1.714, 2.398, 2.907, 3.819, 6.403])


async def test_the_company_is_best_served_by_the_family_with_the_least_deviance(fitted: Fitted, running_mitra: Mitra) -> None:
    """Three days, 91 days apart, none of which the champion has learnt from: Pareto/NBD is ahead of MBG/NBD by a hair, and of it."""
    asked = {"as_of": None, "kinds": ["value"], "families": ["bg_nbd", "mbg_nbd", "pareto_nbd"]}
    await fit(running_mitra, fitted.client, **asked)
    job = (await fitted.client.post("/v1/models/back-test", json={"kind": "value"})).headers["location"]
    await settle(running_mitra)
    report = (await fitted.client.get(job)).json()["result"]
    assert [origin["as_of"] for origin in report["origins"]] == ["1997-09-30", "1997-12-30", "1998-03-31"]
    deviance = {each["contestant"]: round(each["deviance"], 4) for each in report["contestants"] if each["deviance"] is not None}
    thumb = {"carry_forward": 2.4091, "last_26_weeks": 3.7526}
    assert deviance == {"incumbent": 0.7066, "bg_nbd": 0.7047, "mbg_nbd": 0.7027, "pareto_nbd": 0.7026} | thumb
    assert (report["best_family"], report["verdict"], report["behind"]) == ("pareto_nbd", "validated", [])
    best = (await fitted.client.get(f"/v1/models/{report['model_id']}")).json()
    assert (best["family"], best["status"], best["validated"]) == ("pareto_nbd", "validated", True)
    assert report["incumbent_id"] == fitted.models["value"]["id"]


@pytest.mark.parametrize(
    ("family", "fewest", "most", "customers", "mean"),
    [("bg_nbd", 6, 6, 29, 3.504), ("bg_nbd", 7, 99, 64, 6.157), ("pareto_nbd", 6, 6, 29, 3.819)],
)
async def test_the_answers_about_single_customers_have_the_published_mean(
    fitted: Fitted, family: str, fewest: int, most: int, customers: int, mean: float
) -> None:
    wanted = [contact_id for contact_id, x in fitted.repeats.items() if fewest <= x <= most]
    query = {"as_of": CALIBRATED, "horizon": "273"} | ({"model_id": fitted.pareto["id"]} if family == "pareto_nbd" else {})
    values = [(await fitted.client.get(f"/v1/customers/{contact_id}/value", params=query)).json() for contact_id in wanted]
    assert (len(values), round(sum(value["expected_purchases"] for value in values) / len(values), 3)) == (customers, mean)
    assert {value["statistics"]["x"] for value in values} == {fitted.repeats[contact_id] for contact_id in wanted}
    assert {(value["in_sample"], value["margin_source"]) for value in values} == {(False, "none")}
