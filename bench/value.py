"""CPU seconds of the customer value models beside the lifetimes library in the same process: `python -m bench.value` prints the table.

CDNOW (sample and full log) where the shared data are present, and generated populations of 100,000 and 1,000,000 customers; then those
of `value_at_scale`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from analytics_svc.value import bg_nbd, gamma_gamma, lifetime, pareto_nbd, statistics
from analytics_svc.value.statistics import Floats
from bench import value_at_scale
from bench.populations import Population, generate
from bench.value_at_scale import cpu_seconds
from tests.analytics.value import cdnow_log

HORIZON_WEEKS = 39.0
GENERATED = (100_000, 1_000_000)
FACTOR = 2.0
ONE_CUSTOMER_SECONDS = 0.001
LIFETIMES_PARETO = 50_000  # half a minute at 100,000

# CPU seconds of a lean implementation and of lifetimes on the same two cores (reference sheet for value, section 3; lifetimes with
# grouped weights has no figure of its own at 2,357).
REFERENCE: dict[tuple[str, int], tuple[float, float]] = {
    ("BG/NBD fit", 2_357): (0.0026, 0.084),
    ("BG/NBD fit", 23_570): (0.0061, 0.33),
    ("BG/NBD fit", 100_000): (0.051, 0.94),
    ("BG/NBD fit", 1_000_000): (0.23, 9.6),
    ("BG/NBD fit, grouped", 2_357): (0.0026, 0.084),
    ("BG/NBD fit, grouped", 23_570): (0.0061, 0.081),
    ("BG/NBD fit, grouped", 100_000): (0.051, 0.34),
    ("BG/NBD fit, grouped", 1_000_000): (0.23, 3.3),
    ("Pareto/NBD fit", 2_357): (0.070, 0.43),
    ("Pareto/NBD fit", 23_570): (0.31, 5.3),
    ("Gamma-Gamma fit", 2_357): (0.0017, 0.024),
    ("Gamma-Gamma fit", 23_570): (0.0028, 0.049),
    ("Gamma-Gamma fit", 100_000): (0.011, 0.27),
    ("Gamma-Gamma fit", 1_000_000): (0.067, 1.8),
    ("score all", 2_357): (0.0004, 0.0017),
    ("score all", 23_570): (0.0013, 0.0081),
    ("score all", 100_000): (0.015, 0.038),
    ("score all", 1_000_000): (0.05, 0.40),
}


def rows() -> list[dict[str, Any]]:
    """Measure and answer one row per model and size, with the seconds of both, their ratio and the reference."""
    found = [row for population in _populations() for row in _measure(population)]
    return [*found, _one_customer(), *value_at_scale.rows()]


def _populations() -> Iterator[Population]:
    for name in cdnow_log.COLUMNS:
        if (cdnow_log.FOLDER / name).exists():
            log = cdnow_log.calibrate(cdnow_log.read(name))
            yield Population(log.x, log.t_x, log.age, log.mean_spend)
        else:
            warnings.warn(f"{name} is not measured: the shared data are missing", stacklevel=2)
    for customers in GENERATED:
        yield generate(customers)


def _measure(population: Population) -> list[dict[str, Any]]:
    p, customers = population, len(population.x)
    histories, row = statistics.collapse(p.x, p.t_x, p.age)
    model = bg_nbd.fit(histories).parameters

    def fit() -> None:
        bg_nbd.fit(statistics.collapse(p.x, p.t_x, p.age)[0])

    def score() -> tuple[Floats, Floats]:
        alive, expected = bg_nbd.p_alive(model, histories), bg_nbd.expected_purchases(model, histories, HORIZON_WEEKS)
        return alive[row], expected[row]

    theirs = _Lifetimes(population, histories)
    measured: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "BG/NBD fit": (fit, theirs.fit),
        "BG/NBD fit, grouped": (lambda: bg_nbd.fit(histories), theirs.fit_grouped),
        "Gamma-Gamma fit": (lambda: gamma_gamma.fit(p.x, p.mean_spend), theirs.fit_spend),
        "score all": (score, theirs.score),
    }
    if customers <= LIFETIMES_PARETO:
        measured["Pareto/NBD fit"] = (lambda: pareto_nbd.fit(statistics.collapse(p.x, p.t_x, p.age)[0]), theirs.fit_pareto)
    repeats = 3 if customers >= 1_000_000 else 10
    return [
        _row(what, customers, ours=cpu_seconds(ours, repeats), theirs=cpu_seconds(other, 1 if customers > 50_000 else 3))
        for what, (ours, other) in measured.items()
    ]


def _row(what: str, customers: int, *, ours: float, theirs: float) -> dict[str, Any]:
    lean, lean_lifetimes = REFERENCE[what, customers]
    bar = FACTOR * lean / lean_lifetimes
    return {
        "what": f"{what}, {customers:,} customers, CPU seconds",
        "size": customers,
        "measured": ours,
        "baseline": theirs,
        "baseline_is": "lifetimes 0.11.3",
        "ratio": ours / theirs,
        "reference": lean,
        "reference_lifetimes": lean_lifetimes,
        "bar": f"≤ {bar:.3f} x lifetimes (twice the lean ratio)",
        "holds": ours / theirs <= bar,
    }


def _one_customer() -> dict[str, Any]:
    model = bg_nbd.BgNbdParameters(0.243, 4.414, 0.793, 2.426)
    customer = statistics.histories_in_weeks(2, 30.43, 38.86)

    def value() -> None:
        lifetime.discounted_value(model, customer, 52.0, spend=35.0, margin_share=0.4, annual_discount_rate=0.1)

    ours = cpu_seconds(value, 50)
    return {
        "what": "lifetime value of one customer, 52 weeks, CPU seconds",
        "size": 1,
        "measured": ours,
        "baseline": None,
        "baseline_is": "none",
        "bar": f"≤ {ONE_CUSTOMER_SECONDS}",
        "holds": ours <= ONE_CUSTOMER_SECONDS,
    }


class _Lifetimes:
    """The same jobs as the lifetimes library does them, its warnings silenced."""

    def __init__(self, population: Population, histories: statistics.Histories) -> None:
        from lifetimes import BetaGeoFitter, GammaGammaFitter, ParetoNBDFitter  # type: ignore[import-untyped]

        self._bg_nbd, self._gamma_gamma, self._pareto_nbd = BetaGeoFitter, GammaGammaFitter, ParetoNBDFitter
        self._x, self._t_x, self._age = population.x, population.t_x / 7, population.age / 7
        self._histories = histories
        buys = (population.x > 0) & (population.mean_spend > 0)
        self._spends = population.x[buys], population.mean_spend[buys]
        self._fitted: Any = None

    def fit(self) -> None:
        with _quietly():
            self._fitted = self._bg_nbd().fit(self._x, self._t_x, self._age)

    def fit_pareto(self) -> None:
        with _quietly():
            self._pareto_nbd().fit(self._x, self._t_x, self._age)

    def fit_grouped(self) -> None:
        h = self._histories
        with _quietly():
            self._bg_nbd().fit(h.x, h.t_x, h.T, weights=h.weight)

    def fit_spend(self) -> None:
        with _quietly():
            self._gamma_gamma().fit(*self._spends)

    def score(self) -> None:
        with _quietly():
            self._fitted.conditional_probability_alive(self._x, self._t_x, self._age)
            self._fitted.conditional_expected_number_of_purchases_up_to_time(HORIZON_WEEKS, self._x, self._t_x, self._age)


def _quietly() -> warnings.catch_warnings[None]:
    return warnings.catch_warnings(action="ignore")


def print_table(found: list[dict[str, Any]]) -> None:
    """The rows as a table on the terminal."""
    table = Table("what", "ours", "lifetimes", "ratio", "reference: lean, lifetimes", "bar", "holds")
    for row in found:
        beside = f"{row['reference']:g}, {row['reference_lifetimes']:g}" if "reference" in row else ""
        theirs, ratio = (f"{row[key]:.4f}" if row.get(key) else "" for key in ("baseline", "ratio"))
        table.add_row(row["what"], f"{row['measured']:.5f}", theirs, ratio, beside, row["bar"], "yes" if row["holds"] else "NO")
    Console(width=180).print(table)


if __name__ == "__main__":
    print_table(rows())
