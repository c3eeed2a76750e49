"""MBG/NBD: the published fits of CDNOW, high-precision truth up to x = 5,000, its derivatives and its laws."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import expit

from analytics_svc.value import bg_nbd, lifetime, mbg_nbd, statistics
from analytics_svc.value.bg_nbd import BgNbdParameters
from analytics_svc.value.statistics import Histories, NotEnoughHistory
from tests.analytics.value import value_oracle
from tests.analytics.value.cdnow_log import HOLD_OUT_WEEKS, Calibration
from tests.analytics.value.test_bg_nbd_exactness import CUSTOMERS, MODELS, models, populations
from tests.analytics.value.test_bg_nbd_truths import auc, collapsed


@pytest.mark.parametrize(
    ("log", "published", "log_likelihood"),
    [
        ("cdnow_sample", (0.52484, 6.18309, 0.89136, 1.61400), -9582.1357),
        ("cdnow_full", (0.63714, 7.31029, 0.80747, 1.22839), -95336.9583),
    ],
)
def test_the_fit_has_the_published_parameters(
    request: pytest.FixtureRequest, log: str, published: tuple[float, ...], log_likelihood: float
) -> None:
    found = mbg_nbd.fit(collapsed(request.getfixturevalue(log))[0])
    assert_allclose(astuple(found.parameters), published, rtol=0, atol=1e-5)
    assert found.log_likelihood == pytest.approx(log_likelihood, abs=5e-5)
    assert (found.converged, found.iterations < 12) == (True, True)


@pytest.mark.parametrize(("log", "reached"), [("cdnow_sample", (0.760, 0.505)), ("cdnow_full", (0.755, 0.515))])
def test_the_closed_form_alone_ranks_as_published(request: pytest.FixtureRequest, log: str, reached: tuple[float, float]) -> None:
    customers: Calibration = request.getfixturevalue(log)
    histories, row = collapsed(customers)
    buys = mbg_nbd.p_buys_within(mbg_nbd.fit(histories).parameters, histories, HOLD_OUT_WEEKS)[row]
    bought = customers.later > 0
    log_loss = -np.mean(np.log(np.where(bought, buys, 1 - buys)))
    assert (round(auc(buys, bought), 3), round(float(log_loss), 3)) == reached


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("x", "t_x", "age", "horizon"), CUSTOMERS)
def test_likelihood_and_odds_are_exact(model: value_oracle.BgNbd, x: int, t_x: float, age: float, horizon: float) -> None:
    parameters, customer = BgNbdParameters(*model), statistics.histories_in_weeks(x, t_x, age)
    if x > 0:
        expected = value_oracle.mbg_log_likelihood(model, x, t_x, age)
        assert mbg_nbd.log_likelihood(parameters, customer) == pytest.approx(expected, rel=1e-12, abs=1e-11)
    odds = value_oracle.mbg_log_odds_of_buying(model, x, t_x, age, horizon)
    assert mbg_nbd.log_odds_of_buying(parameters, customer, horizon).tolist() == [pytest.approx(odds, rel=1e-11, abs=1e-11)]
    assert mbg_nbd.p_buys_within(parameters, customer, horizon).tolist() == [pytest.approx(float(expit(odds)), rel=1e-10, abs=1e-300)]


@pytest.mark.parametrize(("x", "t_x", "age", "horizon"), [(0, 0.0, 38.86, 39.0), (2, 30.43, 38.86, 39.0), (26, 30.86, 31.0, 52.0)])
@pytest.mark.parametrize("model", MODELS)
def test_the_expectation_is_that_of_bg_nbd_one_purchase_on(
    model: value_oracle.BgNbd, x: int, t_x: float, age: float, horizon: float
) -> None:
    found = mbg_nbd.expected_purchases(BgNbdParameters(*model), statistics.histories_in_weeks(x, t_x, age), horizon)
    assert found.tolist() == [pytest.approx(value_oracle.mbg_expected_purchases(model, x, t_x, age, horizon), rel=1e-8)]


@given(parameters=models, histories=populations())
def test_the_derivatives_are_those_of_the_likelihood(parameters: BgNbdParameters, histories: Histories) -> None:
    """For all histories and parameters: gradient and Hessian agree with central differences of the function and of the gradient."""
    at = np.array(astuple(parameters))
    for n in range(4):
        step = np.zeros(4)
        step[n] = 1e-6 * at[n]
        above, below = BgNbdParameters(*(at + step)), BgNbdParameters(*(at - step))
        slope = (mbg_nbd.log_likelihood(above, histories) - mbg_nbd.log_likelihood(below, histories)) / (2 * step[n])
        bend = (mbg_nbd.gradient(above, histories) - mbg_nbd.gradient(below, histories)) / (2 * step[n])
        scale = 1.0 + abs(mbg_nbd.log_likelihood(parameters, histories)) / at[n]
        assert mbg_nbd.gradient(parameters, histories)[n] == pytest.approx(slope, rel=1e-4, abs=1e-7 * scale)
        size = float(np.abs(mbg_nbd.hessian(parameters, histories)).max())
        assert_allclose(mbg_nbd.hessian(parameters, histories)[n], bend, rtol=1e-4, atol=1e-6 * max(size, 1.0))


@given(parameters=models, histories=populations(), weeks=st.tuples(st.floats(0.1, 100.0), st.floats(0.1, 100.0)))
def test_waiting_longer_makes_a_purchase_likelier_but_never_likelier_than_to_be_alive(
    parameters: BgNbdParameters, histories: Histories, weeks: tuple[float, float]
) -> None:
    """For all customers and horizons h < k: P(buys within h) <= P(buys within k) <= P(alive) <= 1."""
    short, long = (mbg_nbd.p_buys_within(parameters, histories, h) for h in sorted(weeks))
    alive = mbg_nbd.p_alive(parameters, histories)
    assert ((short >= 0) & (short <= long) & (long <= alive) & (alive <= 1)).all()


def test_who_bought_once_may_have_left() -> None:
    parameters, once = BgNbdParameters(0.52, 6.2, 0.89, 1.6), statistics.histories_in_weeks(0, 0.0, [1.0, 10.0, 100.0])
    assert bg_nbd.p_alive(parameters, once).tolist() == [1.0, 1.0, 1.0]
    alive = mbg_nbd.p_alive(parameters, once)
    assert 1 > alive[0] > alive[1] > alive[2] > 0


@pytest.mark.parametrize("model", MODELS)
def test_a_new_customer_is_one_without_a_history(model: value_oracle.BgNbd) -> None:
    """The first purchase of somebody who is seen for no time yet: x, t_x and T are 0."""
    found = mbg_nbd.expected_purchases_new_customer(BgNbdParameters(*model), [0.0, 52.0])
    assert found.tolist() == [0.0, pytest.approx(value_oracle.mbg_expected_purchases(model, 0, 0.0, 0.0, 52.0), rel=1e-8)]


@pytest.mark.parametrize("horizon", [0.0, 0.7, 52.1775])
def test_the_value_is_the_sum_over_weeks(horizon: float) -> None:
    parameters = BgNbdParameters(0.52, 6.2, 0.89, 1.6)
    customers = statistics.histories_in_weeks([0, 2, 26, 5_000], [0.0, 30.43, 30.86, 999.9], [38.86, 38.86, 31.0, 1_000.0])
    total, before = np.zeros(4), np.zeros(4)
    for week in range(1, int(np.ceil(horizon)) + 1):
        until = mbg_nbd.expected_purchases(parameters, customers, min(week, horizon))
        total += (until - before) * 1.1 ** (-week / lifetime.WEEKS_PER_YEAR)
        before = until
    found = lifetime.discounted_purchases(parameters, customers, horizon, annual_discount_rate=0.1, after_first=True)
    assert_allclose(found, total, rtol=1e-10)


def test_too_little_history_is_refused() -> None:
    with pytest.raises(NotEnoughHistory, match="second day"):
        mbg_nbd.fit(statistics.histories_in_weeks(0, 0.0, np.arange(1.0, 30.0)))
