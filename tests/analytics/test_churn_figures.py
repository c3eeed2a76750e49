"""Churn on CDNOW through the API, beside the published figures (reference/value.md, section 4): events in, reports and answers out.

The hold-out are the 39 weeks after 1997-09-30. The figures are printed: `pytest -s tests/analytics/test_churn_figures.py`. In continuous
integration this is the 1/10 sample alone; `make bench ARGS=figures` measures the whole log too, and docs/benchmarks.md keeps what it found.
"""

import os
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pytest

from analytics_svc.back_tests.measures import auc, log_loss
from tests.analytics.cdnow import full_orders, sample_orders
from tests.analytics.make import Order, events_of, publish, settle
from tests.harness import Mitra

CALIBRATED, HORIZON = "1997-09-30", 273
# AUC, log loss and Gini of BG/NBD, the heuristic's AUC, and the best blend: what value.md found.
PUBLISHED = {"sample": (0.757, 0.506, 0.662, 0.782, 0.7835, 0.481), "full": (0.747, 0.512, 0.663, 0.769, 0.7725, 0.492)}
PARETO = {"sample": (0.771, 0.508, 0.673), "full": (0.763, 0.517, 0.673)}
BARS = {"sample": (0.775, 0.49), "full": (0.767, 0.50)}
CLOSED_FORM = {"sample": (0.760, 0.505), "full": (0.755, 0.515)}
CARRIED_FORWARD = {"sample": (0.760, 0.557), "full": (0.754, 0.474)}
MOST_ECE = 0.03


async def report_of(mitra: Mitra, client: httpx.AsyncClient, orders: list[Order]) -> dict[str, Any]:
    """The log as events, a fit as of the end of calibration, and a back-test of it on that very day."""
    await publish(mitra, events_of(orders))
    await client.post("/v1/models/fit", json={"as_of": CALIBRATED, "kinds": ["churn"]})
    await settle(mitra)
    (model,) = (await client.get("/v1/models", params={"filter": 'kind = "churn"'})).json()["items"]
    asked = await client.post("/v1/models/back-test", json={"origins": [CALIBRATED], "horizon_days": HORIZON})
    await settle(mitra)
    job = (await client.get(asked.headers["location"])).json()
    assert (job["status"], job["result"]["model_id"]) == ("succeeded", model["id"]), job["problem"]
    return dict(job["result"])


def show(name: str, report: dict[str, Any]) -> None:
    columns = ("auc", "log_loss", "brier", "ece", "gini", "total_error", "buyers_error")
    print(f"\nCDNOW {name}, {HORIZON} days after {CALIBRATED}: {report['origins'][0]['customers']:,} customers")
    print(f"{'':15}" + "".join(f"{column:>13}" for column in columns))
    for each in report["contestants"]:
        print(f"{each['contestant']:15}" + "".join("            –" if each[c] is None else f"{each[c]:13.4f}" for c in columns))
    bg_auc, bg_loss, bg_gini, heuristic, blend_auc, blend_loss = PUBLISHED[name]
    print(f"value.md: BG/NBD {bg_auc} {bg_loss} Gini {bg_gini}; (x+1)/(gap+4) {heuristic}; best blend {blend_auc} {blend_loss}")


LOGS = [("sample", sample_orders)] if os.environ.get("CI") else [("sample", sample_orders), ("full", full_orders)]


@pytest.mark.timeout(900)  # 70,000 events through a service, on a machine that may be busy
@pytest.mark.parametrize(("name", "read"), LOGS)
async def test_the_model_reaches_the_bars_and_everybody_else_what_is_published(
    mitra: Mitra, name: str, read: Callable[[UUID], list[Order]]
) -> None:
    tenant_id = await mitra.new_tenant()
    client = mitra.client("analytics", mitra.caller(tenant_id))
    report = await report_of(mitra, client, read(tenant_id))
    show(name, report)
    found = {each["contestant"]: each for each in report["contestants"]}
    model, least_auc, most_loss = found["model"], *BARS[name]
    assert (model["auc"] >= least_auc, model["log_loss"] <= most_loss, model["ece"] <= MOST_ECE) == (True, True, True), model
    assert (round(found["mbg_nbd"]["auc"], 3), round(found["mbg_nbd"]["log_loss"], 3)) == CLOSED_FORM[name]
    bg_nbd = (found["bg_nbd"]["auc"], found["bg_nbd"]["log_loss"], found["bg_nbd"]["gini"])
    assert bg_nbd == pytest.approx(PUBLISHED[name][:3], abs=6e-4)
    pareto = (found["pareto_nbd"]["auc"], found["pareto_nbd"]["log_loss"], found["pareto_nbd"]["gini"])
    assert pareto == pytest.approx(PARETO[name], abs=6e-4)
    assert found["heuristic"]["auc"] == pytest.approx(PUBLISHED[name][3], abs=6e-4)
    carried = (found["carry_forward"]["auc"], found["carry_forward"]["total_error"])
    assert carried == pytest.approx(CARRIED_FORWARD[name], abs=2e-3)
    assert (report["verdict"], report["behind"], report["incumbent_id"]) == ("validated", [], None)
    if name == "sample":
        await the_single_answers_reach_them_too(client, model)


async def the_single_answers_reach_them_too(client: httpx.AsyncClient, model: dict[str, Any]) -> None:
    """What `GET /churn` says of every customer, measured here against the last day on which each bought, as the list shows it."""
    last_on: dict[str, date] = {}
    first_on: dict[str, date] = {}
    query: dict[str, Any] = {"page_size": 200}
    while True:
        page = (await client.get("/v1/customers", params=query)).json()
        for customer in page["items"]:
            first_on[customer["contact_id"]] = date.fromisoformat(customer["first_on"])
            last_on[customer["contact_id"]] = date.fromisoformat(customer["last_on"])
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    end = date.fromisoformat(CALIBRATED)
    known = [contact_id for contact_id, on in first_on.items() if on <= end]
    said: dict[str, list[float]] = defaultdict(list)
    for contact_id in known:
        answer = (await client.get(f"/v1/customers/{contact_id}/churn", params={"as_of": CALIBRATED, "horizon": HORIZON})).json()
        said["buys"].append(1 - answer["churn"])
        said["bought"].append(float(last_on[contact_id] > end))
    buys, bought = np.array(said["buys"]), np.array(said["bought"])
    assert (len(known), int(bought.sum())) == (2357, 684)
    assert (auc(buys, bought), log_loss(buys, bought)) == pytest.approx((model["auc"], model["log_loss"]), rel=1e-9)
