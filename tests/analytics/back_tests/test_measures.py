"""Measures of forecasts against their definitions, worked out the slow way."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_svc.back_tests.measures import (
    auc,
    auc_standard_error,
    brier,
    calibration,
    expected_calibration_error,
    gini,
    log_loss,
    poisson_deviance,
)

forecasts = st.lists(st.tuples(st.integers(0, 10).map(lambda n: n / 10), st.integers(0, 4)), min_size=2, max_size=40)


@given(forecasts)
def test_the_area_is_the_share_of_pairs_in_the_right_order(told: list[tuple[float, int]]) -> None:
    """For all forecasts with both outcomes: AUC = P(a buyer scores above another), a tie counting half."""
    yes, no = [p for p, n in told if n], [p for p, n in told if not n]
    found = auc(np.array([p for p, _ in told]), np.array([float(n > 0) for _, n in told]))
    if not yes or not no:
        assert found is None
    else:
        pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a, b in product(yes, no)]
        assert found == pytest.approx(sum(pairs) / len(pairs))


@given(forecasts)
def test_the_best_order_has_gini_one_and_its_reverse_minus_one(told: list[tuple[float, int]]) -> None:
    purchases = np.array([float(n) for _, n in told])
    if len(set(purchases.tolist())) == 1:
        assert gini(purchases, purchases) is None
    else:
        assert gini(purchases, purchases) == pytest.approx(1)
        assert gini(-purchases, purchases) == pytest.approx(-1)
        assert gini(np.zeros(len(purchases)), purchases) == pytest.approx(0)


@given(forecasts)
def test_the_bins_hold_every_customer_once(told: list[tuple[float, int]]) -> None:
    p, happened = np.array([p for p, _ in told]), np.array([float(n > 0) for _, n in told])
    bins = calibration(p, happened)
    assert sum(each.customers for each in bins) == len(told)
    assert sum(each.customers * each.observed for each in bins) == pytest.approx(happened.sum())
    assert (np.diff([each.forecast for each in bins]) >= -1e-12).all()
    assert 0 <= expected_calibration_error(bins) <= 1


def test_losses_by_hand() -> None:
    p, happened = np.array([0.5, 0.9, 0.0]), np.array([1.0, 0.0, 0.0])
    assert log_loss(p, happened) == pytest.approx((np.log(2) + np.log(10)) / 3)
    assert brier(p, happened) == pytest.approx((0.25 + 0.81) / 3)
    assert log_loss(np.array([0.0]), np.array([1.0])) == pytest.approx(12 * np.log(10))


@given(forecasts, st.floats(0.3, 3.0))
def test_no_constant_forecast_has_less_deviance_than_the_mean(told: list[tuple[float, int]], factor: float) -> None:
    """For all purchases: the deviance of a forecast that is the same for everybody is least at their mean, so it rewards no bias."""
    purchases = np.array([float(n) for _, n in told])
    mean = np.full(len(purchases), max(float(purchases.mean()), 0.1))
    assert poisson_deviance(mean, purchases) <= poisson_deviance(mean * factor, purchases) + 1e-12 or purchases.sum() == 0


def test_a_deviance_by_hand() -> None:
    """2 ((2 ln 2 - 1) + (0 + 0.5)) / 2; what was said never to happen counts as one in a million million."""
    assert poisson_deviance(np.array([1.0, 0.5]), np.array([2.0, 0.0])) == pytest.approx(2 * np.log(2) - 0.5)
    assert poisson_deviance(np.array([0.0]), np.array([1.0])) == pytest.approx(2 * (12 * np.log(10) - 1))


def test_a_standard_error_by_hand() -> None:
    """.893 over 51 and 58: Q1 = .80668, Q2 = .84253, variance (.09555 + 50 x .00923 + 57 x .04508) / 2958 = .001057."""
    assert auc_standard_error(0.893, 51, 58) == pytest.approx(0.03251, abs=5e-6)
