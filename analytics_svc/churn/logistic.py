"""Logistic regression with a Gaussian prior on each weight: the mode, by Newton's method."""

import numpy as np
from scipy.special import expit

from analytics_svc.scores.rules import Floats

MOST_STEPS = 100
MOST_HALVINGS = 30
DECREMENT_REACHED = 1e-10


def fit_logistic(rows: Floats, outcome: Floats, *, prior: Floats, precision: Floats) -> Floats:
    """The intercept and the weights (k + 1) of P(outcome) = expit(intercept + rows @ weights) with the highest posterior.

    `rows` is n by k, `outcome` 0 or 1; `prior` holds the mean of each of the k + 1 and `precision` the inverse variance, above 0 so
    that there is a maximum whatever the outcomes. The log posterior is strictly concave; a Newton step is halved until it rises.
    """
    design = np.column_stack([np.ones(len(rows)), rows])
    weights = np.array(prior, dtype=np.float64)
    value = _log_posterior(design, outcome, weights, prior, precision)
    for _ in range(MOST_STEPS):
        p = expit(design @ weights)
        slope = design.T @ (outcome - p) - precision * (weights - prior)
        curvature = (design.T * (p * (1.0 - p))) @ design + np.diag(precision)
        step = np.linalg.solve(curvature, slope)
        if float(slope @ step) < DECREMENT_REACHED:
            return weights + step
        for halving in range(MOST_HALVINGS):
            found = weights + step * 0.5**halving
            risen = _log_posterior(design, outcome, found, prior, precision)
            if risen >= value:
                weights, value = found, risen
                break
    return weights


def log_likelihood(log_odds: Floats, outcome: Floats) -> float:
    """The sum of ln P(outcome) where `log_odds` are those of outcome 1."""
    return float(-np.logaddexp(0.0, np.where(outcome > 0.5, -log_odds, log_odds)).sum())


def _log_posterior(design: Floats, outcome: Floats, weights: Floats, prior: Floats, precision: Floats) -> float:
    return log_likelihood(design @ weights, outcome) - float((precision * (weights - prior) ** 2).sum()) / 2.0
