"""Pareto/NBD: the published figures of CDNOW, high-precision truth up to x = 5,000, its derivatives, its laws and its limits."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from analytics_svc.value import lifetime, pareto_nbd, statistics
from analytics_svc.value.pareto_nbd import ParetoNbdParameters
from analytics_svc.value.power_integrals import Stretch, integrals
from analytics_svc.value.statistics import Histories, NotEnoughHistory
from tests.analytics.value import value_oracle
from tests.analytics.value.cdnow_log import HOLD_OUT_WEEKS, Calibration
from tests.analytics.value.test_bg_nbd_exactness import CUSTOMERS, populations
from tests.analytics.value.test_bg_nbd_truths import auc, collapsed

PUBLISHED = ParetoNbdParameters(0.553, 10.578, 0.606, 11.669)
MODELS = [
    (0.55328, 10.5777, 0.60624, 11.6687),
    (0.55328, 10.5777, 1.0, 11.6687),
    (0.6, 11.6, 1.0 + 1e-9, 2.0),
    (0.3, 50.0, 2.5, 0.7),
    (8.0, 3.0, 6.0, 3.0),
    (0.5, 10.0, 20.0, 1.0),
]
positive = st.floats(0.05, 8.0)
weeks = st.floats(0.1, 50.0)
models = st.builds(ParetoNbdParameters, r=positive, alpha=weeks, s=positive, beta=weeks)


@pytest.mark.parametrize(
    ("log", "published", "likelihood", "forecast"),
    [
        ("cdnow_sample", [0.55328, 10.5777, 0.60624, 11.6687], -9594.976, 1665.5),
        ("cdnow_full", [0.59742, 11.58566, 0.52219, 8.82776], -95415.1186, 17153.2),
    ],
)
def test_fit_and_forecast_are_the_published_ones(
    request: pytest.FixtureRequest, log: str, published: list[float], likelihood: float, forecast: float
) -> None:
    histories, _ = collapsed(request.getfixturevalue(log))
    found = pareto_nbd.fit(histories)
    assert_allclose(astuple(found.parameters), published, rtol=0, atol=5e-5)
    assert found.log_likelihood == pytest.approx(likelihood, abs=5e-4)
    expected = pareto_nbd.expected_purchases(found.parameters, histories, HOLD_OUT_WEEKS)
    assert (round(float(expected @ histories.weight), 1), found.converged, found.iterations <= 8) == (forecast, True, True)


def test_the_standard_errors_are_those_of_the_observed_information(cdnow_sample: Calibration) -> None:
    """Nobody has printed them, so they are taken from differences of the likelihood itself, twice, around the published maximum."""
    histories, _ = collapsed(cdnow_sample)
    found = pareto_nbd.fit(histories)
    assert found.standard_errors is not None
    at, information = np.array(astuple(found.parameters)), np.empty((4, 4))
    steps = np.diag(1e-3 * at)
    for i in range(4):
        for j in range(4):
            corners = [(a * b, at + a * steps[i] + b * steps[j]) for a in (1, -1) for b in (1, -1)]
            twice = sum(sign * pareto_nbd.log_likelihood(ParetoNbdParameters(*point), histories) for sign, point in corners)
            information[i, j] = -twice / (4 * steps[i, i] * steps[j, j])
    assert_allclose(astuple(found.standard_errors), np.sqrt(np.diag(np.linalg.inv(information))), rtol=1e-3)
    assert_allclose(astuple(found.standard_errors), [0.04763, 0.84272, 0.18728, 6.21110], rtol=0, atol=5e-5)


def test_the_published_rows_are_reproduced() -> None:
    assert round(float(pareto_nbd.expected_purchases_new_customer(PUBLISHED, 52)), 5) == 1.47300
    rows = statistics.histories_in_weeks([26, 2], [30.86, 30.43], [31, 38.86])
    assert [round(value, 6) for value in pareto_nbd.expected_purchases(PUBLISHED, rows, [52, 39]).tolist()] == [25.458473, 1.455123]
    heavy, light = pareto_nbd.p_alive(PUBLISHED, rows).tolist()
    assert (round(heavy, 8), round(light, 6)) == (0.99791873, 0.869168)
    rows = statistics.histories_in_weeks([2, 7, 0], [30.43, 29.43, 0], 38.86)
    dert = pareto_nbd.discounted_expected_transactions(PUBLISHED, rows, 0.0027)
    assert [round(value, 6) for value in dert.tolist()] == [6.483774, 16.541141, 0.477136]


def test_conditional_expectations_by_count_are_the_published_ones(cdnow_sample: Calibration) -> None:
    histories, row = collapsed(cdnow_sample)
    expected = pareto_nbd.expected_purchases(pareto_nbd.fit(histories).parameters, histories, HOLD_OUT_WEEKS)[row]
    group = np.minimum(cdnow_sample.x, 7)
    means = [round(float(expected[group == count].mean()), 3) for count in range(8)]
    assert means == [0.138, 0.599, 1.196, 1.714, 2.398, 2.907, 3.819, 6.403]


@pytest.mark.parametrize(("log", "reached"), [("cdnow_sample", (0.771, 0.508)), ("cdnow_full", (0.763, 0.517))])
def test_who_will_buy_is_ranked_as_published(request: pytest.FixtureRequest, log: str, reached: tuple[float, float]) -> None:
    customers: Calibration = request.getfixturevalue(log)
    histories, row = collapsed(customers)
    buys = pareto_nbd.p_buys_within(pareto_nbd.fit(histories).parameters, histories, HOLD_OUT_WEEKS)[row]
    bought = customers.later > 0
    log_loss = -np.mean(np.log(np.where(bought, buys, 1 - buys)))
    assert (round(auc(buys, bought), 3), round(float(log_loss), 3)) == reached


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("x", "t_x", "age", "horizon"), CUSTOMERS)
def test_everything_is_exact(model: value_oracle.BgNbd, x: int, t_x: float, age: float, horizon: float) -> None:
    parameters, customer = ParetoNbdParameters(*model), statistics.histories_in_weeks(x, t_x, age)
    found = {
        "alive": pareto_nbd.p_alive(parameters, customer),
        "buys": pareto_nbd.p_buys_within(parameters, customer, horizon),
        "expected": pareto_nbd.expected_purchases(parameters, customer, horizon),
        "dert": pareto_nbd.discounted_expected_transactions(parameters, customer, 0.0027),
    }
    exact = {
        "alive": value_oracle.pareto_p_alive(model, x, t_x, age),
        "buys": value_oracle.pareto_p_buys_within(model, x, t_x, age, horizon),
        "expected": value_oracle.pareto_expected_purchases(model, x, t_x, age, horizon),
        "dert": value_oracle.pareto_dert(model, x, t_x, age, 0.0027),
    }
    assert {name: value.tolist() for name, value in found.items()} == {
        name: [pytest.approx(value, rel=1e-11, abs=0.0)] for name, value in exact.items()
    }
    if x > 0:
        likelihood = value_oracle.pareto_log_likelihood(model, x, t_x, age)
        assert pareto_nbd.log_likelihood(parameters, customer) == pytest.approx(likelihood, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("model", [(0.5, 0.1, 20.0, 100.0), (0.001, 0.001, 1000.0, 1e6), (1000.0, 1e6, 0.001, 0.001)])
def test_parameters_far_from_any_company_keep_ten_digits(model: value_oracle.BgNbd) -> None:
    """The integrand there is no exponential any more: it rises first and then falls like a cliff."""
    parameters = ParetoNbdParameters(*model)
    for x, t_x, age in ((1, 0.1, 40.0), (3, 20.0, 400.0)):
        likelihood = value_oracle.pareto_log_likelihood(model, x, t_x, age)
        assert pareto_nbd.log_likelihood(parameters, statistics.histories_in_weeks(x, t_x, age)) == pytest.approx(likelihood, rel=1e-10)


@settings(max_examples=40)
@given(parameters=models, histories=populations())
def test_the_derivatives_are_those_of_the_likelihood(parameters: ParetoNbdParameters, histories: Histories) -> None:
    """Law: gradient and Hessian agree with central differences of the function and of the gradient."""
    point = np.array(astuple(parameters))
    exact, curvature = pareto_nbd.gradient(parameters, histories), pareto_nbd.hessian(parameters, histories)
    size = abs(pareto_nbd.log_likelihood(parameters, histories)) + np.abs(exact * point).sum()
    for n in range(4):
        step = np.zeros(4)
        step[n] = 1e-5 * point[n]
        above, below = ParetoNbdParameters(*(point + step)), ParetoNbdParameters(*(point - step))
        rise = pareto_nbd.log_likelihood(above, histories) - pareto_nbd.log_likelihood(below, histories)
        assert rise / (2 * step[n]) == pytest.approx(exact[n], abs=1e-6 * size / point[n])
        bend = (pareto_nbd.gradient(above, histories) - pareto_nbd.gradient(below, histories)) / (2 * step[n])
        scale = np.abs(np.outer(point, point) * curvature).sum() + size
        assert_allclose(bend * point * point[n], curvature[n] * point * point[n], atol=1e-7 * scale)


@settings(max_examples=40)
@given(model=models, histories=populations(), shorter=st.floats(0.0, 300.0), longer=st.floats(0.0, 300.0))
def test_more_time_never_brings_fewer_purchases(model: ParetoNbdParameters, histories: Histories, shorter: float, longer: float) -> None:
    """Law: expectation and P(buys) rise with the horizon and are 0 at none; P(buys) <= P(alive) <= 1, and <= the expectation."""
    shorter, longer = sorted((shorter, longer))
    at_first, later = (pareto_nbd.expected_purchases(model, histories, weeks) for weeks in (shorter, longer))
    alive = pareto_nbd.p_alive(model, histories)
    buys_at_first, buys_later = (pareto_nbd.p_buys_within(model, histories, weeks, alive=alive) for weeks in (shorter, longer))
    assert (later >= at_first * (1 - 1e-12)).all()
    assert (buys_later >= buys_at_first * (1 - 1e-10)).all()
    assert ((buys_at_first >= 0) & (buys_later <= alive) & (alive <= 1)).all()
    assert (later >= buys_later * (1 - 1e-10)).all()
    nothing = [0.0] * len(histories)
    assert pareto_nbd.expected_purchases(model, histories, 0).tolist() == nothing
    assert pareto_nbd.p_buys_within(model, histories, 0).tolist() == nothing


@settings(max_examples=40)
@given(model=models, histories=populations(), horizon=st.floats(0.0, 120.0), rate=st.floats(-0.05, 1.0))
def test_the_value_is_the_sum_over_weeks(model: ParetoNbdParameters, histories: Histories, horizon: float, rate: float) -> None:
    """Law: discounting per T changes nothing against the definition, term by term."""
    total, before = np.zeros(len(histories)), np.zeros(len(histories))
    for week in range(1, int(np.ceil(horizon)) + 1):
        until = pareto_nbd.expected_purchases(model, histories, min(week, horizon))
        total += (until - before) * (1 + rate) ** (-week / lifetime.WEEKS_PER_YEAR)
        before = until
    found = pareto_nbd.discounted_purchases(model, histories, horizon, annual_discount_rate=rate)
    assert_allclose(found, total, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("extra", [3_000, 5_000])
def test_one_customer_with_thousands_of_purchases_does_not_break_the_fit(cdnow_sample: Calibration, extra: int) -> None:
    """The trap: as a difference of hypergeometric functions the likelihood of this customer has no digit left."""
    days = (np.append(cdnow_sample.x, extra), np.append(cdnow_sample.t_x, 270), np.append(cdnow_sample.age, 272))
    histories, _ = statistics.collapse(*days)
    found = pareto_nbd.fit(histories)
    assert (found.converged, found.standard_errors is not None) == (True, True)
    slopes = pareto_nbd.gradient(found.parameters, histories) * astuple(found.parameters)
    assert np.abs(slopes).max() < 1e-2
    assert np.isfinite(pareto_nbd.expected_purchases(found.parameters, histories, 39)).all()


def test_weights_count_customers(cdnow_sample: Calibration) -> None:
    grouped, _ = collapsed(cdnow_sample)
    one_by_one = statistics.histories_in_weeks(cdnow_sample.x, cdnow_sample.t_x / 7, cdnow_sample.age / 7)
    assert pareto_nbd.log_likelihood(PUBLISHED, grouped) == pytest.approx(pareto_nbd.log_likelihood(PUBLISHED, one_by_one), rel=1e-12)
    assert_allclose(pareto_nbd.hessian(PUBLISHED, grouped), pareto_nbd.hessian(PUBLISHED, one_by_one), rtol=1e-9)
    nobody = Histories(grouped.x, grouped.t_x, grouped.T, np.where(grouped.x > 5, 0.0, grouped.weight))
    kept = Histories(*(column[grouped.x <= 5] for column in (grouped.x, grouped.t_x, grouped.T, grouped.weight)))
    assert_allclose(pareto_nbd.gradient(PUBLISHED, nobody), pareto_nbd.gradient(PUBLISHED, kept), rtol=1e-9, atol=1e-9)


def test_a_likelihood_that_rises_for_ever_ends_at_finite_numbers() -> None:
    """Everyone buys like clockwork until the end: nobody leaves, and the rates do not differ."""
    x = np.arange(10, 40)
    histories, _ = statistics.collapse(x, 7 * x, 7 * x)
    found = pareto_nbd.fit(histories)
    assert (found.converged, found.standard_errors) == (True, None)
    assert_allclose(pareto_nbd.expected_purchases(found.parameters, histories, 10.0), 10.0, rtol=0.05)


def test_customers_who_all_leave_at_one_rate_are_predicted_by_the_limit() -> None:
    """Their rates of leaving do not differ, so s and beta are large and known badly; their ratio is the rate that was drawn."""
    random = np.random.default_rng(3)
    age = random.integers(200, 700, 1_500)
    until = np.minimum(age, np.ceil(random.exponential(7 / 0.04, 1_500))).astype(np.int64)
    x = random.poisson(random.gamma(0.8, 1 / 8.0, 1_500) * until / 7)
    last = np.where(x > 0, np.ceil(until * random.random(1_500) ** (1.0 / np.maximum(x, 1))), 0)
    found = pareto_nbd.fit(statistics.collapse(x, last, age)[0])
    assert (found.converged, found.parameters.s > 10) == (True, True)
    assert found.parameters.s / found.parameters.beta == pytest.approx(0.04, rel=0.1)


def test_the_integral_of_nothing_but_a_power_is_known() -> None:
    wanted = Stretch(np.array([0.5, 3.0, 4_000.0]), np.zeros(3), np.zeros(3), np.array([1.0, 5.0, 900.0]))
    exact = 2.0 * (1 - (1 + wanted.length / 2.0) ** (1 - wanted.m)) / (wanted.m - 1)
    for alpha, beta in ((2.0, 7.0), (2.0, 0.5)):
        assert_allclose(integrals(alpha, beta, wanted), exact, rtol=1e-12)


def test_who_has_just_bought_is_alive_and_who_bought_once_may_have_left() -> None:
    just = statistics.histories_in_weeks([3, 0], [12.0, 0.0], [12.0, 0.0])
    assert pareto_nbd.p_alive(PUBLISHED, just).tolist() == [1.0, 1.0]
    alive = pareto_nbd.p_alive(PUBLISHED, statistics.histories_in_weeks(0, 0.0, [1.0, 10.0, 100.0]))
    assert 1 > alive[0] > alive[1] > alive[2] > 0


def test_what_means_nothing_is_refused() -> None:
    customer = statistics.histories_in_weeks(2, 30.43, 38.86)
    for wrong in (-1.0, float("nan"), float("inf")):
        for answer in (pareto_nbd.expected_purchases, pareto_nbd.p_buys_within):
            with pytest.raises(ValueError, match="horizon"):
                answer(PUBLISHED, customer, wrong)
        with pytest.raises(ValueError, match="positive numbers"):
            ParetoNbdParameters(0.5, wrong, 0.6, 11.7)
        with pytest.raises(ValueError, match="above 0"):
            pareto_nbd.discounted_expected_transactions(PUBLISHED, customer, wrong)
    with pytest.raises(ValueError, match="never negative"):
        pareto_nbd.expected_purchases_new_customer(PUBLISHED, [1.0, -1.0])
    with pytest.raises(NotEnoughHistory, match="second day"):
        pareto_nbd.fit(statistics.histories_in_weeks(0, 0.0, np.arange(1.0, 30.0)))
