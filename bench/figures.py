"""How well churn is foretold on a real purchase log (CDNOW, the 1/10 sample and the whole), held against what is published of it."""

import asyncio
from typing import Any

from bench.stage import open_stage
from tests.analytics.cdnow import full_orders, sample_orders
from tests.analytics.test_churn_figures import BARS, MOST_ECE, PUBLISHED, report_of, show

LOGS = {"sample": sample_orders, "full": full_orders}


def rows() -> list[dict[str, Any]]:
    """The rows of the table: of each log the area under the curve, the log loss and the calibration error of the model."""
    return [row for name in LOGS for row in asyncio.run(measure(name))]


async def measure(name: str) -> list[dict[str, Any]]:
    """Publish a log, fit on its first 39 weeks, and test on the 39 that follow."""
    async with open_stage() as mitra:
        tenant_id = await mitra.new_tenant()
        report = await report_of(mitra, mitra.client("analytics", mitra.caller(tenant_id)), LOGS[name](tenant_id))
    show(name, report)
    (model,) = (each for each in report["contestants"] if each["contestant"] == "model")
    least_auc, most_loss = BARS[name]
    *_, best_auc, best_loss = PUBLISHED[name]
    return [
        _row(f"{name}: AUC", model["auc"], best_auc, bar=f"≥ {least_auc}", holds=model["auc"] >= least_auc),
        _row(f"{name}: log loss", model["log_loss"], best_loss, bar=f"≤ {most_loss:.2f}", holds=model["log_loss"] <= most_loss),
        _row(f"{name}: expected calibration error", model["ece"], None, bar=f"≤ {MOST_ECE}", holds=model["ece"] <= MOST_ECE),
    ]


def _row(what: str, measured: float, baseline: float | None, *, bar: str, holds: bool) -> dict[str, Any]:
    named = "the best blend found (value.md)" if baseline is not None else ""
    return {"what": f"churn, CDNOW {what}", "measured": measured, "baseline": baseline, "baseline_is": named, "bar": bar, "holds": holds}
