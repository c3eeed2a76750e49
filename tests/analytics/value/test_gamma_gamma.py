"""Gamma-Gamma: the published fits, the likelihood against high precision, its derivatives, and what has no finite mean."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from analytics_svc.value import gamma_gamma
from analytics_svc.value.gamma_gamma import GammaGammaParameters, MeanSpendUndefined
from analytics_svc.value.statistics import NotEnoughHistory
from tests.analytics.value import value_oracle
from tests.analytics.value.cdnow_log import Calibration

CDNOW = GammaGammaParameters(6.25, 3.74, 15.44)
positive = st.floats(0.1, 20.0)
models = st.builds(GammaGammaParameters, p=positive, q=positive, gamma=st.floats(0.1, 1_000.0))
spends = st.lists(st.tuples(st.integers(1, 5_000), st.floats(0.01, 10_000.0), st.integers(1, 5)), min_size=1, max_size=10)


def test_the_fit_of_the_sample_is_the_published_one(cdnow_sample: Calibration) -> None:
    found = gamma_gamma.fit(cdnow_sample.x, cdnow_sample.mean_spend)
    assert [round(value, 4) for value in astuple(found.parameters)] == [6.2496, 3.7442, 15.4435]
    assert round(found.log_likelihood, 4) == -4055.9177
    assert (found.customers, found.left_out, found.converged) == (946, 1411, True)
    assert found.iterations <= 9


def test_the_fit_of_the_full_log_leaves_out_who_never_paid(cdnow_full: Calibration) -> None:
    found = gamma_gamma.fit(cdnow_full.x, cdnow_full.mean_spend)
    assert [round(value, 4) for value in astuple(found.parameters)] == [6.2754, 3.6245, 14.9837]
    assert round(found.log_likelihood, 4) == -40763.4763
    paid_nothing = (cdnow_full.x > 0) & (cdnow_full.mean_spend == 0)
    assert paid_nothing.sum() == 1
    assert found.left_out == (cdnow_full.x == 0).sum() + 1
    assert found.customers + found.left_out == 23570


def test_the_standard_errors_are_those_of_the_observed_information(cdnow_sample: Calibration) -> None:
    found = gamma_gamma.fit(cdnow_sample.x, cdnow_sample.mean_spend)
    repeaters = cdnow_sample.x > 0
    point, information = np.array(astuple(found.parameters)), np.zeros((3, 3))
    for which in range(3):
        step = np.zeros(3)
        step[which] = 1e-5 * point[which]
        above, below = (
            gamma_gamma.gradient(GammaGammaParameters(*place), cdnow_sample.x[repeaters], cdnow_sample.mean_spend[repeaters])
            for place in (point + step, point - step)
        )
        information[which] = (below - above) / (2 * step[which])
    assert found.standard_errors is not None
    assert_allclose(astuple(found.standard_errors), np.sqrt(np.diag(np.linalg.inv(information))), rtol=1e-6)


@pytest.mark.parametrize("model", [(6.25, 3.74, 15.44), (0.2, 0.5, 900.0), (40.0, 1.001, 0.3)])
@pytest.mark.parametrize(("x", "mean_spend"), [(1, 0.01), (2, 22.35), (29, 310.0), (300, 11.77), (5_000, 4_000.0)])
def test_the_likelihood_is_exact(model: tuple[float, float, float], x: int, mean_spend: float) -> None:
    exact = value_oracle.gamma_gamma_log_likelihood(model, x, mean_spend)
    assert gamma_gamma.log_likelihood(GammaGammaParameters(*model), x, mean_spend) == pytest.approx(exact, rel=1e-10, abs=1e-9)


@given(model=models, customers=spends)
def test_the_gradient_is_the_slope_of_the_likelihood(model: GammaGammaParameters, customers: list[tuple[int, float, int]]) -> None:
    """Law: the analytic gradient equals central differences, and the Hessian those of the gradient."""
    x, mean_spend, weight = map(np.array, zip(*customers, strict=True))
    point = np.array(astuple(model))
    exact = gamma_gamma.gradient(model, x, mean_spend, weight=weight)
    curvature = gamma_gamma.hessian(model, x, mean_spend, weight=weight)
    size = abs(gamma_gamma.log_likelihood(model, x, mean_spend, weight=weight)) + float((weight * x).sum()) * (1 + point[0])
    for which in range(3):
        step = np.zeros(3)
        step[which] = 1e-5 * point[which]
        above, below = GammaGammaParameters(*(point + step)), GammaGammaParameters(*(point - step))
        rise, bend = (
            answer(above, x, mean_spend, weight=weight) - answer(below, x, mean_spend, weight=weight)
            for answer in (gamma_gamma.log_likelihood, gamma_gamma.gradient)
        )
        assert rise / 2e-5 == pytest.approx(exact[which] * point[which], abs=1e-6 * size)
        assert_allclose(bend / 2e-5 * point, curvature[which] * point * point[which], atol=1e-6 * size)


@given(model=models, customers=spends)
def test_grouped_customers_weigh_what_they_weigh_alone(model: GammaGammaParameters, customers: list[tuple[int, float, int]]) -> None:
    """Law: a weight of n is the same as n rows."""
    x, mean_spend, weight = map(np.array, zip(*customers, strict=True))
    alone = gamma_gamma.log_likelihood(model, np.repeat(x, weight), np.repeat(mean_spend, weight))
    assert gamma_gamma.log_likelihood(model, x, mean_spend, weight=weight) == pytest.approx(alone, rel=1e-9, abs=1e-6)


@given(x=st.integers(1, 5_000), mean_spend=st.floats(0.01, 10_000.0))
def test_the_expected_spend_lies_between_the_customer_and_the_population(x: int, mean_spend: float) -> None:
    """Law: shrinkage; with more purchases the customer's own mean counts more."""
    population = float(gamma_gamma.expected_spend(CDNOW, 0, 0.0))
    once, often = gamma_gamma.expected_spend(CDNOW, [x, 5_001], mean_spend)
    low, high = sorted((population, mean_spend))
    assert low * (1 - 1e-12) <= once <= high * (1 + 1e-12)
    assert abs(often - mean_spend) <= abs(once - mean_spend) + 1e-9 * mean_spend


def test_a_customer_without_repeat_purchases_gets_the_mean_of_the_population() -> None:
    expected = CDNOW.p * CDNOW.gamma / (CDNOW.q - 1)
    found = gamma_gamma.expected_spend(CDNOW, [0, 0, 2], [float("nan"), 0.0, 22.35])
    assert found[:2].tolist() == [pytest.approx(expected), pytest.approx(expected)]
    assert found[2] == pytest.approx(6.25 * (15.44 + 2 * 22.35) / (6.25 * 2 + 3.74 - 1))


def test_a_mean_that_is_infinite_is_refused_and_not_answered() -> None:
    heavy_tailed = GammaGammaParameters(2.0, 0.9, 15.0)
    with pytest.raises(MeanSpendUndefined, match="not finite"):
        gamma_gamma.expected_spend(heavy_tailed, [3, 0], [20.0, 0.0])
    assert gamma_gamma.expected_spend(heavy_tailed, 3, 20.0) == pytest.approx(2.0 * (15 + 60) / (6 + 0.9 - 1))


def test_a_negative_mean_spend_is_refused() -> None:
    with pytest.raises(ValueError, match="zero or more"):
        gamma_gamma.expected_spend(CDNOW, [1, 2], [-1.0, 3.0])
    with pytest.raises(ValueError, match="finite number"):
        gamma_gamma.fit([1] * 20, [*range(1, 20), float("nan")])
    with pytest.raises(ValueError, match="positive numbers"):
        GammaGammaParameters(1.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("x", "mean_spend", "complaint"),
    [
        ([], [], "at least 10"),
        ([0] * 50, [0.0] * 50, "at least 10"),
        ([1] * 9 + [0] * 50, [5.0] * 59, "at least 10"),
        ([1] * 50, [0.0] * 50, "at least 10"),
        ([1, 2] * 25, [5.0] * 50, "spend the same"),
    ],
)
def test_too_little_history_is_said_and_not_fitted(x: list[int], mean_spend: list[float], complaint: str) -> None:
    with pytest.raises(NotEnoughHistory, match=complaint):
        gamma_gamma.fit(x, mean_spend)


@given(st.lists(st.tuples(st.integers(1, 400), st.floats(0.01, 100_000.0)), min_size=10, max_size=30))
def test_a_fit_is_never_nan(customers: list[tuple[int, float]]) -> None:
    """Law: whatever the spends, the fit is finite or refused by name."""
    x, mean_spend = zip(*customers, strict=True)
    if min(mean_spend) == max(mean_spend):
        with pytest.raises(NotEnoughHistory):
            gamma_gamma.fit(x, mean_spend)
        return
    found = gamma_gamma.fit(x, mean_spend)
    assert np.isfinite([*astuple(found.parameters), found.log_likelihood]).all()


def test_the_unit_of_money_changes_the_scale_and_nothing_else(cdnow_sample: Calibration) -> None:
    dollars = gamma_gamma.fit(cdnow_sample.x, cdnow_sample.mean_spend).parameters
    cents = gamma_gamma.fit(cdnow_sample.x, cdnow_sample.mean_spend * 100).parameters
    assert_allclose([cents.p, cents.q, cents.gamma], [dollars.p, dollars.q, 100 * dollars.gamma], rtol=1e-6)
