"""BG/NBD against high-precision truth up to x = 5,000, its derivatives, its laws, and what it does with too little history."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import hyp2f1

from analytics_svc.value import bg_nbd, statistics
from analytics_svc.value.bg_nbd import BgNbdParameters
from analytics_svc.value.purchases import _by_quadrature, _by_series, purchases_while_alive
from analytics_svc.value.statistics import Histories, NotEnoughHistory
from tests.analytics.value import value_oracle

CDNOW = (0.2426, 4.4136, 0.7929, 2.4259)
MODELS = [
    CDNOW,
    (0.2426, 4.4136, 1.0, 2.4259),
    (0.25, 4.8, 1.0 + 1e-9, 2.2),
    (3.0, 2.0, 0.4, 0.5),
    (0.3, 5.0, 0.5, 0.5),
    (8.0, 3.0, 2.5, 0.7),
]
CUSTOMERS = [
    (0, 0.0, 38.86, 39.0),
    (0, 0.0, 0.0, 52.0),
    (1, 0.14, 38.86, 39.0),
    (2, 30.43, 38.86, 39.0),
    (26, 30.86, 31.0, 52.0),
    (7, 29.0, 40.0, 1e-4),
    (3, 20.0, 40.0, 520.0),
    (300, 39.7, 40.0, 104.0),
    (1_199, 399.0, 400.0, 52.0),
    (1_200, 38.8, 38.86, 39.0),
    (5_000, 999.9, 1_000.0, 52.0),
    (5_000, 999.9, 1_000.0, 1.0),
]

positive = st.floats(0.05, 8.0)
models = st.builds(BgNbdParameters, r=positive, alpha=st.floats(0.1, 50.0), a=positive, b=positive)


@st.composite
def populations(draw: st.DrawFn) -> Histories:
    """Up to 12 customers with t_x and T in weeks, at least one of them with a repeat purchase."""
    x = [*draw(st.lists(st.integers(0, 40), min_size=1, max_size=12)), draw(st.integers(1, 5_000))]
    share = draw(st.lists(st.floats(0.01, 1.0), min_size=len(x), max_size=len(x)))
    age = draw(st.lists(st.floats(0.5, 200.0), min_size=len(x), max_size=len(x)))
    return statistics.histories_in_weeks(x, np.where(np.array(x) > 0, np.array(share) * age, 0.0), age)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("x", "t_x", "age", "horizon"), CUSTOMERS)
def test_the_expectation_is_exact(model: value_oracle.BgNbd, x: int, t_x: float, age: float, horizon: float) -> None:
    found = bg_nbd.expected_purchases(BgNbdParameters(*model), statistics.histories_in_weeks(x, t_x, age), horizon)
    assert found.tolist() == [pytest.approx(value_oracle.expected_purchases(model, x, t_x, age, horizon), rel=1e-11, abs=0.0)]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("x", "t_x", "age", "horizon"), CUSTOMERS)
def test_the_probabilities_and_the_likelihood_are_exact(model: value_oracle.BgNbd, x: int, t_x: float, age: float, horizon: float) -> None:
    parameters, customer = BgNbdParameters(*model), statistics.histories_in_weeks(x, t_x, age)
    assert bg_nbd.p_alive(parameters, customer).tolist() == [pytest.approx(value_oracle.p_alive(model, x, t_x, age), rel=1e-11, abs=0.0)]
    buys = value_oracle.p_buys_within(model, x, t_x, age, horizon)
    assert bg_nbd.p_buys_within(parameters, customer, horizon).tolist() == [pytest.approx(buys, rel=1e-11, abs=0.0)]
    likelihood = value_oracle.log_likelihood(model, x, t_x, age)
    assert bg_nbd.log_likelihood(parameters, customer) == pytest.approx(likelihood, rel=1e-12, abs=1e-12)


def test_the_expectation_as_printed_fails_where_ours_is_exact() -> None:
    """The trap itself: 0 x infinity from x = 1,200 on, in ordinary arithmetic."""
    r, alpha, a, b = CDNOW
    x, age, horizon = 1_200, 38.86, 39.0
    with np.errstate(over="ignore", invalid="ignore"):
        printed = 1 - ((alpha + age) / (alpha + age + horizon)) ** (r + x) * hyp2f1(
            r + x, b + x, a + b + x - 1, horizon / (alpha + age + horizon)
        )
    assert not np.isfinite(printed)
    assert bg_nbd.expected_purchases(BgNbdParameters(*CDNOW), statistics.histories_in_weeks(x, age, age), horizon)[0] > 700


def test_the_limit_at_a_equal_to_one_is_passed_smoothly() -> None:
    customer = statistics.histories_in_weeks([0, 2, 5_000], [0.0, 30.43, 999.9], [38.86, 38.86, 1_000.0])
    below, at, above = (
        bg_nbd.expected_purchases(BgNbdParameters(0.2426, 4.4136, a, 2.4259), customer, 39.0) for a in (1 - 1e-9, 1.0, 1 + 1e-9)
    )
    assert_allclose(at, (below + above) / 2, rtol=1e-13)


@given(
    shape=st.tuples(st.floats(0.05, 3.0), st.floats(0.05, 8.0), st.floats(0.5, 30.0)),
    x=st.sampled_from([0, 1, 2, 9, 80, 1_500, 5_000]),
    growth=st.floats(1e-6, 2.5),
)
def test_series_and_quadrature_agree(shape: tuple[float, float, float], x: int, growth: float) -> None:
    """Law: both ways to the mean over p give the same number wherever the series has enough terms."""
    counts, u = np.array([x]), np.array([growth])
    assert_allclose(_by_series(shape, counts, u, 4_096), _by_quadrature(shape, counts, u, 0), rtol=1e-11)


@pytest.mark.parametrize("shape", [(0.3, 1e-3, 1e5), (1e3, 1e3, 1e-3), (1e-3, 1e3, 1e5), (1e3, 1e-3, 1e-3)])
def test_parameters_at_the_ends_of_the_box_predict_finite_numbers(shape: tuple[float, float, float]) -> None:
    x, u = np.array([0, 1, 5, 300, 5_000]), np.array([1e-3, 0.5, 3.0, 0.7, 8.0])
    r = shape[0]
    found = purchases_while_alive(shape, x, u)
    no_leaving, one_purchase = (r + x) * np.expm1(u), -np.expm1(-(r + x) * u)
    assert (found <= no_leaving * (1 + 1e-9)).all()
    assert (found >= one_purchase * (1 - 1e-9)).all()


@given(model=models, histories=populations())
def test_the_gradient_is_the_slope_of_the_likelihood(model: BgNbdParameters, histories: Histories) -> None:
    """Law: the analytic gradient equals central differences, and the Hessian those of the gradient."""
    point = np.array(astuple(model))
    size = abs(bg_nbd.log_likelihood(model, histories)) + np.abs(bg_nbd.gradient(model, histories) * point).sum()
    exact, curvature = bg_nbd.gradient(model, histories), bg_nbd.hessian(model, histories)
    for which in range(4):
        step = np.zeros(4)
        step[which] = 1e-5 * point[which]
        above, below = BgNbdParameters(*(point + step)), BgNbdParameters(*(point - step))
        rise = bg_nbd.log_likelihood(above, histories) - bg_nbd.log_likelihood(below, histories)
        assert rise / (2 * step[which]) == pytest.approx(exact[which], abs=1e-6 * size / point[which])
        bend = (bg_nbd.gradient(above, histories) - bg_nbd.gradient(below, histories)) / (2 * step[which])
        scale = np.abs(np.outer(point, point) * curvature).sum() + size
        assert_allclose(bend * point * point[which], curvature[which] * point * point[which], atol=1e-7 * scale)


@given(model=models, histories=populations(), shorter=st.floats(0.0, 300.0), longer=st.floats(0.0, 300.0))
def test_more_time_never_brings_fewer_purchases(model: BgNbdParameters, histories: Histories, shorter: float, longer: float) -> None:
    """Law: expectation and P(buys) rise with the horizon, are 0 at none, P stays in [0, 1] and below P(alive)."""
    shorter, longer = sorted((shorter, longer))
    at_first, later = (bg_nbd.expected_purchases(model, histories, weeks) for weeks in (shorter, longer))
    assert (later >= at_first * (1 - 1e-12)).all()
    assert (at_first >= 0).all()
    buys_at_first, buys_later = (bg_nbd.p_buys_within(model, histories, weeks) for weeks in (shorter, longer))
    alive = bg_nbd.p_alive(model, histories)
    assert (buys_later >= buys_at_first * (1 - 1e-12)).all()
    assert ((buys_later >= 0) & (buys_later <= alive) & (alive <= 1)).all()
    assert (later >= buys_later * (1 - 1e-9)).all()
    nothing = np.zeros(len(histories)).tolist()
    assert bg_nbd.expected_purchases(model, histories, 0).tolist() == nothing
    assert bg_nbd.p_buys_within(model, histories, 0).tolist() == nothing


def test_a_horizon_per_customer_gives_what_each_gives_alone() -> None:
    parameters = BgNbdParameters(*CDNOW)
    histories = statistics.histories_in_weeks([2, 2, 2, 0], [5.0, 5.0, 8.0, 0.0], [10.0, 10.0, 10.0, 10.0])
    weeks = [4.0, 9.0, 9.0, 9.0]
    for answer in (bg_nbd.expected_purchases, bg_nbd.p_buys_within):
        together = answer(parameters, histories, weeks)
        alone = [answer(parameters, Histories(*(column[[i]] for column in columns(histories))), weeks[i])[0] for i in range(4)]
        assert_allclose(together, alone, rtol=1e-13)


def columns(histories: Histories) -> tuple[np.ndarray, ...]:
    return histories.x, histories.t_x, histories.T, histories.weight


@pytest.mark.parametrize("horizon", [-1.0, float("nan"), float("inf")])
def test_a_horizon_that_is_no_time_is_refused(horizon: float) -> None:
    customer = statistics.histories_in_weeks(2, 30.43, 38.86)
    for answer in (bg_nbd.expected_purchases, bg_nbd.p_buys_within):
        with pytest.raises(ValueError, match="horizon"):
            answer(BgNbdParameters(*CDNOW), customer, horizon)
    with pytest.raises(ValueError, match="never negative"):
        bg_nbd.expected_purchases_new_customer(BgNbdParameters(*CDNOW), [1.0, -1.0])


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
def test_parameters_that_are_not_positive_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="positive numbers"):
        BgNbdParameters(0.2, wrong, 0.8, 2.4)


@pytest.mark.parametrize(
    ("x", "t_x", "age", "complaint"),
    [
        ([], [], [], "at least 10 customers"),
        ([1] * 9, [1] * 9, [2] * 9, "at least 10 customers"),
        ([0] * 50, [0] * 50, list(range(50)), "on a second day"),
        ([3] * 50, [9] * 50, [12] * 50, "the same history"),
    ],
)
def test_too_little_history_is_said_and_not_fitted(x: list[int], t_x: list[int], age: list[int], complaint: str) -> None:
    with pytest.raises(NotEnoughHistory, match=complaint):
        bg_nbd.fit(statistics.collapse(x, t_x, age)[0])


def test_customers_of_weight_zero_do_not_count_as_history() -> None:
    histories, _ = statistics.collapse([0, 4], [0, 9], [12, 12], weight=[50, 0])
    with pytest.raises(NotEnoughHistory, match="on a second day"):
        bg_nbd.fit(histories)


def test_a_likelihood_that_rises_for_ever_ends_at_finite_numbers() -> None:
    """Everyone buys like clockwork until the end: nobody leaves, and the rates do not differ."""
    x = np.arange(10, 40)
    histories, _ = statistics.collapse(x, 7 * x, 7 * x)
    found = bg_nbd.fit(histories)
    assert found.converged
    assert found.standard_errors is None
    assert np.isfinite([*astuple(found.parameters), found.log_likelihood]).all()
    forecast = bg_nbd.expected_purchases(found.parameters, histories, 10.0)
    assert_allclose(forecast, 10.0, rtol=0.05)


@given(populations().filter(lambda histories: len(set(histories.x.tolist())) > 1))
def test_a_fit_is_never_nan(histories: Histories) -> None:
    """Law: whatever the histories, a fit is a finite number for each parameter, no worse than where it started."""
    found = bg_nbd.fit(histories, fewest_customers=2)
    assert np.isfinite([*astuple(found.parameters), found.log_likelihood]).all()
    assert found.log_likelihood >= bg_nbd.log_likelihood(BgNbdParameters(0.5, 5.0, 1.0, 2.0), histories) - 1e-6
