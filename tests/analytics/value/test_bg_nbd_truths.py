"""BG/NBD on CDNOW: parameters, likelihoods, errors, forecasts and conditional expectations as published, to the printed precision."""

import csv
from dataclasses import astuple

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import rankdata

from analytics_svc.value import bg_nbd, statistics
from analytics_svc.value.bg_nbd import BgNbdParameters
from tests.analytics.value.cdnow_log import FOLDER, HOLD_OUT_WEEKS, Calibration

PUBLISHED = BgNbdParameters(0.243, 4.414, 0.793, 2.426)


def collapsed(customers: Calibration) -> tuple[statistics.Histories, statistics.Integers]:
    return statistics.collapse(customers.x, customers.t_x, customers.age)


def auc(score: np.ndarray, happened: np.ndarray) -> float:
    """The chance that a customer to whom it happened scores above one to whom it did not."""
    yes, no = happened.sum(), (~happened).sum()
    return float((rankdata(score)[happened].sum() - yes * (yes + 1) / 2) / (yes * no))


def test_the_sample_has_the_published_counts(cdnow_sample: Calibration) -> None:
    histories, _ = collapsed(cdnow_sample)
    assert (histories.customers, cdnow_sample.x.sum(), len(histories)) == (2357, 2457, 1016)
    assert (cdnow_sample.later.sum(), (cdnow_sample.later > 0).sum()) == (1882, 684)


def test_the_full_log_has_the_published_counts(cdnow_full: Calibration) -> None:
    histories, _ = collapsed(cdnow_full)
    assert (histories.customers, cdnow_full.x.sum(), len(histories)) == (23570, 24337, 8685)
    assert (cdnow_full.later.sum(), (cdnow_full.later > 0).sum()) == (19684, 7058)


def test_the_statistics_agree_with_the_published_calibration_file(cdnow_sample: Calibration) -> None:
    with (FOLDER / "cdnow_customers_summary_with_transactions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert_array_equal(cdnow_sample.x, [int(row["x"]) for row in rows])
    assert_allclose(cdnow_sample.t_x / 7, [float(row["t_x"]) for row in rows], atol=0.0051)
    assert_allclose(cdnow_sample.age / 7, [float(row["T"]) for row in rows], atol=0.0051)


def test_the_fit_of_the_sample_is_the_published_one(cdnow_sample: Calibration) -> None:
    found = bg_nbd.fit(collapsed(cdnow_sample)[0])
    assert [round(value, 4) for value in astuple(found.parameters)] == [0.2426, 4.4136, 0.7929, 2.4259]
    assert found.standard_errors is not None
    assert [round(value, 4) for value in astuple(found.standard_errors)] == [0.0126, 0.3782, 0.1857, 0.7054]
    assert round(found.log_likelihood, 4) == -9582.4292
    assert (found.customers, found.converged) == (2357, True)
    assert found.iterations <= 8


def test_the_fit_of_the_full_log_is_the_published_one(cdnow_full: Calibration) -> None:
    found = bg_nbd.fit(collapsed(cdnow_full)[0])
    assert [round(value, 5) for value in astuple(found.parameters)] == [0.25162, 4.78894, 0.72343, 2.16109]
    assert round(found.log_likelihood, 4) == -95368.4439
    assert found.converged


def test_a_new_customer_buys_as_often_as_published() -> None:
    assert round(float(bg_nbd.expected_purchases_new_customer(PUBLISHED, 52)), 5) == 1.44605


def test_the_published_rows_are_reproduced() -> None:
    rows = statistics.histories_in_weeks([26, 2], [30.86, 30.43], [31, 38.86])
    assert [round(value, 6) for value in bg_nbd.expected_purchases(PUBLISHED, rows, [52, 39]).tolist()] == [25.758196, 1.226028]
    heavy, light = bg_nbd.p_alive(PUBLISHED, rows).tolist()
    assert (round(heavy, 8), round(light, 6)) == (0.96891565, 0.726579)


def test_the_forecast_of_the_hold_out_is_the_published_one(cdnow_sample: Calibration, cdnow_full: Calibration) -> None:
    for customers, total in ((cdnow_sample, 1653.4), (cdnow_full, 16873.7)):
        histories, _ = collapsed(customers)
        forecast = bg_nbd.expected_purchases(bg_nbd.fit(histories).parameters, histories, HOLD_OUT_WEEKS)
        assert round(float(forecast @ histories.weight), 1) == total


def test_conditional_expectations_by_count_are_the_published_ones(cdnow_sample: Calibration) -> None:
    histories, row = collapsed(cdnow_sample)
    expected = bg_nbd.expected_purchases(bg_nbd.fit(histories).parameters, histories, HOLD_OUT_WEEKS)[row]
    group = np.minimum(cdnow_sample.x, 7)
    means = [[round(float(values[group == count].mean()), 3) for count in range(8)] for values in (cdnow_sample.later, expected)]
    assert means[0] == [0.237, 0.697, 1.393, 1.560, 2.532, 2.947, 3.862, 6.359]
    assert means[1] == [0.225, 0.523, 1.044, 1.520, 2.164, 2.654, 3.504, 6.157]


def test_p_alive_is_no_churn_score_and_p_buys_within_is(cdnow_sample: Calibration, cdnow_full: Calibration) -> None:
    buys_auc, losses = [], []
    for customers in (cdnow_sample, cdnow_full):
        histories, row = collapsed(customers)
        parameters = bg_nbd.fit(histories).parameters
        bought = customers.later > 0
        alive = bg_nbd.p_alive(parameters, histories)[row]
        buys = bg_nbd.p_buys_within(parameters, histories, HOLD_OUT_WEEKS)[row]
        assert alive[customers.x == 0].tolist() == [1.0] * int((customers.x == 0).sum())
        assert auc(alive, bought) < 0.32
        buys_auc.append(round(auc(buys, bought), 3))
        losses.append(round(float(-np.where(bought, np.log(buys), np.log1p(-buys)).mean()), 3))
    assert buys_auc == [0.757, 0.747]
    assert losses == [0.506, 0.512]


def test_p_alive_ranks_the_sample_as_badly_as_recorded(cdnow_sample: Calibration) -> None:
    histories, row = collapsed(cdnow_sample)
    alive = bg_nbd.p_alive(bg_nbd.fit(histories).parameters, histories)[row]
    assert round(auc(alive, cdnow_sample.later > 0), 3) == 0.316


@pytest.mark.parametrize("extra", [3_000, 5_000])
def test_one_customer_with_thousands_of_purchases_does_not_break_the_fit(cdnow_sample: Calibration, extra: int) -> None:
    customers = (np.append(cdnow_sample.x, extra), np.append(cdnow_sample.t_x, 270), np.append(cdnow_sample.age, 272))
    histories, _ = statistics.collapse(*customers)
    found = bg_nbd.fit(histories)
    assert found.converged
    assert found.standard_errors is not None
    natural = np.array(astuple(found.parameters))
    assert np.abs(bg_nbd.gradient(found.parameters, histories) * natural).max() < 1e-4
    assert np.isfinite(bg_nbd.expected_purchases(found.parameters, histories, 39)).all()
