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


@pytest.fixture(scope="module")
async def fitted(running_mitra: Mitra) -> AsyncIterator[Fitted]:
    await running_mitra.empty()
    tenant_id = await running_mitra.new_tenant()
    client = running_mitra.client("analytics", running_mitra.caller(tenant_id))
    orders = sample_orders(tenant_id)
    await publish(running_mitra, events_of(orders))
    asked = await client.post("/v1/models/fit", json={"as_of": CALIBRATED})
    assert asked.status_code == 202
    await settle(running_mitra)
    job = (await client.get(asked.headers["location"])).json()
    assert job["status"] == "succeeded", job
    models = [(await client.get(f"/v1/models/{model_id}")).json() for model_id in job["result"]["model_ids"]]
    yield Fitted(client, repeats_of(orders), {model["kind"]: model for model in models})
    await running_mitra.empty()


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


@pytest.mark.parametrize(("fewest", "most", "customers", "mean"), [(6, 6, 29, 3.504), (7, 99, 64, 6.157)])
async def test_the_answers_about_single_customers_have_the_published_mean(
    fitted: Fitted, fewest: int, most: int, customers: int, mean: float
) -> None:
    wanted = [contact_id for contact_id, x in fitted.repeats.items() if fewest <= x <= most]
    query = {"as_of": CALIBRATED, "horizon": 273}
    values = [(await fitted.client.get(f"/v1/customers/{contact_id}/value", params=query)).json() for contact_id in wanted]
    assert (len(values), round(sum(value["expected_purchases"] for value in values) / len(values), 3)) == (customers, mean)
    assert {value["statistics"]["x"] for value in values} == {fitted.repeats[contact_id] for contact_id in wanted}
    assert {(value["in_sample"], value["margin_source"]) for value in values} == {(False, "none")}
