"""The calibration plot of a back-test as a PNG: of those who were given a chance, how many came."""

from collections.abc import Sequence
from io import BytesIO

from .contestants import INCUMBENT, MODEL
from .rules import Measured

LABELS = {MODEL: "model", INCUMBENT: "champion", "bg_nbd": "BG/NBD", "mbg_nbd": "MBG/NBD", "pareto_nbd": "Pareto/NBD"}


def draw_calibration(measured: Sequence[Measured], horizon_days: int) -> bytes:
    """The shares that bought beside the forecasts of tenths of the customers, a line for each contestant with probabilities."""
    # Drawing costs some 60 MB, which only the worker that back-tests shall carry; a bare Figure needs no window system.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 6.4), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.7", linestyle="--", linewidth=1)
    for each in measured:
        if each.calibration:
            label = f"{LABELS[each.contestant]} (ECE {each.ece:.3f}, log loss {each.log_loss:.3f})"
            width = 2.0 if each.contestant == MODEL else 1.0
            axes.plot([b.forecast for b in each.calibration], [b.observed for b in each.calibration], "o-", linewidth=width, label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=f"forecast: buys within {horizon_days} days", ylabel="share that bought")
    axes.legend(loc="upper left")
    drawn = BytesIO()
    figure.savefig(drawn, format="png")
    return drawn.getvalue()
