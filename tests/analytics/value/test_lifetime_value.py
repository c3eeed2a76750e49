"""Discounted lifetime value: equal to the plain sum over weeks, the future only, monotone where it must be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from analytics_svc.value import bg_nbd, gamma_gamma, lifetime, statistics
from analytics_svc.value.bg_nbd import BgNbdParameters
from analytics_svc.value.gamma_gamma import GammaGammaParameters
from tests.analytics.value import value_oracle
from tests.analytics.value.cdnow_log import Calibration

CDNOW = BgNbdParameters(0.243, 4.414, 0.793, 2.426)
CUSTOMERS = statistics.histories_in_weeks(
    [0, 0, 1, 2, 26, 300, 1_200, 5_000], [0, 0, 3, 30.43, 30.86, 59.9, 300, 999.9], [0, 38.86, 12, 38.86, 31, 60, 301, 1_000]
)
positive = st.floats(0.05, 8.0)
models = st.builds(BgNbdParameters, r=positive, alpha=st.floats(0.05, 50.0), a=positive, b=positive)


def week_by_week(parameters: BgNbdParameters, histories: statistics.Histories, horizon: float, rate: float) -> np.ndarray:
    """The definition, term by term."""
    total, before = np.zeros(len(histories)), np.zeros(len(histories))
    for week in range(1, int(np.ceil(horizon)) + 1):
        until = bg_nbd.expected_purchases(parameters, histories, min(week, horizon))
        total += (until - before) * (1 + rate) ** (-week / 52.1775)
        before = until
    return total


@pytest.mark.parametrize("horizon", [5e-324, 0.3, 1.0, 1.5, 52.0, 52.1775, 156.53])
@pytest.mark.parametrize("rate", [-0.05, 0.0, 0.1, 3.0])
def test_the_value_is_the_sum_over_weeks(horizon: float, rate: float) -> None:
    found = lifetime.discounted_purchases(CDNOW, CUSTOMERS, horizon, annual_discount_rate=rate)
    assert_allclose(found, week_by_week(CDNOW, CUSTOMERS, horizon, rate), rtol=1e-11)


@given(model=models, horizon=st.floats(0.1, 120.0), rate=st.floats(-0.1, 1.0))
def test_the_value_is_the_sum_over_weeks_for_every_model(model: BgNbdParameters, horizon: float, rate: float) -> None:
    """Law: interpolating in u once per count changes nothing beyond the tenth digit."""
    some = statistics.histories_in_weeks([0, 1, 3, 5_000], [0.0, 9.0, 11.0, 89.9], [0.0, 38.0, 12.0, 90.0])
    found = lifetime.discounted_purchases(model, some, horizon, annual_discount_rate=rate)
    assert_allclose(found, week_by_week(model, some, horizon, rate), rtol=1e-10)


def test_one_customer_is_worth_what_high_precision_says() -> None:
    model = (0.243, 4.414, 0.793, 2.426)
    until = [0.0, *(value_oracle.expected_purchases(model, 2, 30.43, 38.86, min(week, 10.5)) for week in range(1, 12))]
    exact = sum((until[week] - until[week - 1]) * 1.1 ** (-week / 52.1775) for week in range(1, 12))
    customer = statistics.histories_in_weeks(2, 30.43, 38.86)
    found = lifetime.discounted_value(CDNOW, customer, 10.5, spend=35.0, margin_share=0.4, annual_discount_rate=0.1)
    assert found.tolist() == [pytest.approx(exact * 35.0 * 0.4, rel=1e-11)]


def test_the_whole_sample_is_worth_what_its_weeks_are_worth(cdnow_sample: Calibration) -> None:
    histories, row = statistics.collapse(cdnow_sample.x, cdnow_sample.t_x, cdnow_sample.age)
    model = bg_nbd.fit(histories).parameters
    undiscounted = lifetime.discounted_purchases(model, histories, 39.0, annual_discount_rate=0.0)
    assert round(float(undiscounted @ histories.weight), 1) == 1653.4
    spend = gamma_gamma.expected_spend(GammaGammaParameters(6.25, 3.74, 15.44), cdnow_sample.x, cdnow_sample.mean_spend)
    discounted = lifetime.discounted_purchases(model, histories, 52.0, annual_discount_rate=0.15)
    assert_allclose((discounted[row] * spend).sum(), (week_by_week(model, histories, 52.0, 0.15)[row] * spend).sum(), rtol=1e-11)


@given(model=models, shorter=st.floats(0.0, 200.0), longer=st.floats(0.0, 200.0), rate=st.floats(0.0, 1.0))
def test_a_longer_future_is_never_worth_less(model: BgNbdParameters, shorter: float, longer: float, rate: float) -> None:
    """Law: the value rises with the horizon, and discounting never adds to it."""
    shorter, longer = sorted((shorter, longer))
    near, far = (lifetime.discounted_purchases(model, CUSTOMERS, weeks, annual_discount_rate=rate) for weeks in (shorter, longer))
    assert (far >= near * (1 - 1e-10)).all()
    assert (far <= bg_nbd.expected_purchases(model, CUSTOMERS, longer) * (1 + 1e-10)).all()


def test_no_future_is_worth_nothing() -> None:
    assert lifetime.discounted_purchases(CDNOW, CUSTOMERS, 0.0, annual_discount_rate=0.1).tolist() == [0.0] * 8
    nobody, _ = statistics.collapse([], [], [])
    assert lifetime.discounted_value(CDNOW, nobody, 52, spend=[], margin_share=0.4, annual_discount_rate=0.1).tolist() == []


@pytest.mark.parametrize(("horizon", "rate"), [(-1.0, 0.1), (float("nan"), 0.1), (float("inf"), 0.1), (52.0, -1.0), (52.0, float("nan"))])
def test_a_time_or_a_rate_that_means_nothing_is_refused(horizon: float, rate: float) -> None:
    with pytest.raises(ValueError, match=r"horizon|discount rate"):
        lifetime.discounted_purchases(CDNOW, CUSTOMERS, horizon, annual_discount_rate=rate)
