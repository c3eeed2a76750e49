"""The ridge logistic regression against its own law, and where plain Newton would fail."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import expit

from analytics_svc.churn.logistic import fit_logistic, log_likelihood


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(2, 60), columns=st.integers(1, 5), precision=st.floats(0.01, 10.0))
def test_at_the_mode_the_data_and_the_prior_pull_equally(seed: int, rows: int, columns: int, precision: float) -> None:
    """For all data, separable or not: the slope of the log posterior is zero at the answer."""
    chance = np.random.default_rng(seed)
    seen, outcome = chance.normal(size=(rows, columns)) * 3, (chance.random(rows) < 0.4).astype(float)
    prior, precisions = chance.normal(size=columns + 1), np.full(columns + 1, precision)
    found = fit_logistic(seen, outcome, prior=prior, precision=precisions)
    design = np.column_stack([np.ones(rows), seen])
    assert_allclose(design.T @ (outcome - expit(design @ found)), precisions * (found - prior), atol=2e-4)


def test_what_is_perfectly_told_apart_keeps_finite_weights() -> None:
    seen = np.linspace(-1, 1, 40)[:, None]
    found = fit_logistic(seen, (seen[:, 0] > 0).astype(float), prior=np.zeros(2), precision=np.array([1e-6, 1.0]))
    assert 1 < found[1] < 20


def test_without_anything_to_learn_the_prior_stands() -> None:
    prior = np.array([0.3, -2.0])
    assert_allclose(fit_logistic(np.zeros((0, 1)), np.zeros(0), prior=prior, precision=np.ones(2)), prior)


@pytest.mark.parametrize(
    ("log_odds", "outcome", "value"), [(0.0, 1, np.log(0.5)), (800.0, 0, -800.0), (-800.0, 1, -800.0), (800.0, 1, 0.0)]
)
def test_the_log_likelihood_keeps_its_digits(log_odds: float, outcome: int, value: float) -> None:
    assert log_likelihood(np.array([log_odds]), np.array([outcome])) == pytest.approx(value)
