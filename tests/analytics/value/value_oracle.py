"""The printed formulas of BG/NBD and Gamma-Gamma in high-precision arithmetic: the truth that the fast forms are held against."""

from __future__ import annotations

from functools import cache
from typing import Any

import mpmath as mp  # type: ignore[import-untyped]

BgNbd = tuple[float, float, float, float]
PARETO_DIGITS = 120


def _likelihood(parameters: BgNbd, x: int, t_x: float, age: float) -> Any:
    """Fader, Hardie, Lee (2005), equation 6, literally."""
    r, alpha, a, b = map(mp.mpf, parameters)
    t_x, age = mp.mpf(t_x), mp.mpf(age)
    rates = mp.gamma(r + x) * alpha**r / mp.gamma(r)
    alive = mp.beta(a, b + x) / mp.beta(a, b) * rates / (alpha + age) ** (r + x)
    if x == 0:
        return alive
    return alive + mp.beta(a + 1, b + x - 1) / mp.beta(a, b) * rates / (alpha + t_x) ** (r + x)


def log_likelihood(parameters: BgNbd, x: int, t_x: float, age: float) -> float:
    """ln L of one customer."""
    with mp.workdps(60):
        return float(mp.log(_likelihood(parameters, x, t_x, age)))


def p_alive(parameters: BgNbd, x: int, t_x: float, age: float) -> float:
    """The share of the likelihood that belongs to customers who are alive."""
    r, alpha, a, b = map(mp.mpf, parameters)
    with mp.workdps(60):
        alive = mp.beta(a, b + x) / mp.beta(a, b) * mp.gamma(r + x) * alpha**r / mp.gamma(r) / (alpha + mp.mpf(age)) ** (r + x)
        return float(alive / _likelihood(parameters, x, t_x, age))


def p_buys_within(parameters: BgNbd, x: int, t_x: float, age: float, horizon: float) -> float:
    """1 - L(T + h) / L(T)."""
    with mp.workdps(60):
        later = _likelihood(parameters, x, t_x, mp.mpf(age) + mp.mpf(horizon))
        return float(1 - later / _likelihood(parameters, x, t_x, age))


def expected_purchases(parameters: BgNbd, x: int, t_x: float, age: float, horizon: float) -> float:
    """Fader, Hardie, Lee (2005), equation 10, as printed: without Euler's transform. At a = 1 a neighbour 1e-30 away."""
    with mp.workdps(80 + x // 2):
        r, alpha, a, b = map(mp.mpf, parameters)
        a += mp.mpf(10) ** -30
        z = mp.mpf(horizon) / (alpha + age + horizon)
        series = mp.hyp2f1(r + x, b + x, a + b + x - 1, z, maxterms=10**6, maxprec=10**6)
        while_alive = (a + b + x - 1) / (a - 1) * (1 - (1 - z) ** (r + x) * series)
        gone = 0 if x == 0 else a / (b + x - 1) * ((alpha + age) / (alpha + mp.mpf(t_x))) ** (r + x)
        return float(while_alive / (1 + gone))


def gamma_gamma_log_likelihood(parameters: tuple[float, float, float], x: int, mean_spend: float) -> float:
    """Fader & Hardie (2013), note 025, equation 1a, literally."""
    with mp.workdps(60):
        p, q, gamma = map(mp.mpf, parameters)
        z = mp.mpf(mean_spend)
        shapes = mp.gamma(p * x + q) / (mp.gamma(p * x) * mp.gamma(q))
        return float(mp.log(shapes * gamma**q * z ** (p * x - 1) * mp.mpf(x) ** (p * x) / (gamma + x * z) ** (p * x + q)))


def _mbg_likelihood(parameters: BgNbd, x: int, t_x: float, age: Any) -> Any:
    """Batislam, Denizel, Filiztekin (2007): BG/NBD with a chance to leave after the first purchase too, literally."""
    r, alpha, a, b = map(mp.mpf, parameters)
    rates = mp.gamma(r + x) * alpha**r / mp.gamma(r)
    alive = mp.beta(a, b + x + 1) / mp.beta(a, b) * rates / (alpha + mp.mpf(age)) ** (r + x)
    return alive + mp.beta(a + 1, b + x) / mp.beta(a, b) * rates / (alpha + mp.mpf(t_x)) ** (r + x)


def mbg_log_likelihood(parameters: BgNbd, x: int, t_x: float, age: float) -> float:
    """ln L of one customer."""
    with mp.workdps(60):
        return float(mp.log(_mbg_likelihood(parameters, x, t_x, age)))


def mbg_log_odds_of_buying(parameters: BgNbd, x: int, t_x: float, age: float, horizon: float) -> float:
    """ln (L(T) - L(T + h)) / L(T + h): a customer who does not buy is seen with the same x and t_x at T + h."""
    with mp.workdps(120):
        at_end, later = (_mbg_likelihood(parameters, x, t_x, end) for end in (mp.mpf(age), mp.mpf(age) + mp.mpf(horizon)))
        return float(mp.log((at_end - later) / later))


def mbg_expected_purchases(parameters: BgNbd, x: int, t_x: float, age: float, horizon: float) -> float:
    """E over p ~ Beta(a, b + x + 1) of E[purchases | alive, p], times P(alive), by quadrature."""
    with mp.workdps(40):
        r, alpha, a, b = map(mp.mpf, parameters)
        tau = mp.mpf(horizon) / (alpha + mp.mpf(age))

        def purchases(p: Any) -> Any:
            return p ** (a - 1) * (1 - p) ** (b + x) / mp.beta(a, b + x + 1) * (1 - (1 + p * tau) ** -(r + x)) / p

        mean = mp.quad(purchases, [0, 0.01, 0.1, 0.5, 1])
        alive = mp.beta(a, b + x + 1) / mp.beta(a, b) * mp.gamma(r + x) * alpha**r / mp.gamma(r) / (alpha + mp.mpf(age)) ** (r + x)
        return float(mean * alive / _mbg_likelihood(parameters, x, t_x, age))


@cache
def _pareto_likelihood(parameters: BgNbd, x: int, t_x: float, age: Any) -> tuple[Any, Any]:
    """Fader & Hardie (2005), "A note on deriving the Pareto/NBD model", the likelihood in hypergeometric functions, literally.

    The two terms of those alive and of those who left; r, alpha, s, beta. Their common factor is left to the caller's digits.
    """
    r, alpha, s, beta = map(mp.mpf, parameters)
    t_x, age = mp.mpf(t_x), mp.mpf(age)
    total, larger = r + s + x, max(alpha, beta)
    second = s + 1 if alpha >= beta else r + x

    def tail(y: Any) -> Any:
        return mp.hyp2f1(total, second, total + 1, abs(alpha - beta) / (larger + y)) / (larger + y) ** total

    common = mp.gamma(r + x) / mp.gamma(r) * alpha**r * beta**s
    return common / ((alpha + age) ** (r + x) * (beta + age) ** s), common * s / total * (tail(t_x) - tail(age))


def pareto_log_likelihood(parameters: BgNbd, x: int, t_x: float, age: float) -> float:
    """ln L of one customer."""
    with mp.workdps(PARETO_DIGITS):
        return float(mp.log(sum(_pareto_likelihood(parameters, x, t_x, age))))


def pareto_p_alive(parameters: BgNbd, x: int, t_x: float, age: float) -> float:
    """The share of the likelihood that belongs to customers who are alive."""
    with mp.workdps(PARETO_DIGITS):
        alive, left = _pareto_likelihood(parameters, x, t_x, age)
        return float(alive / (alive + left))


def pareto_p_buys_within(parameters: BgNbd, x: int, t_x: float, age: float, horizon: float) -> float:
    """1 - L(T + h) / L(T)."""
    with mp.workdps(PARETO_DIGITS):
        later = sum(_pareto_likelihood(parameters, x, t_x, mp.mpf(age) + mp.mpf(horizon)))
        return float(1 - later / sum(_pareto_likelihood(parameters, x, t_x, age)))


def pareto_expected_purchases(parameters: BgNbd, x: int, t_x: float, age: float, horizon: float) -> float:
    """The conditional expectation of Fader & Hardie (2005) as printed. At s = 1 a neighbour 1e-30 away."""
    with mp.workdps(PARETO_DIGITS):
        alive, left = _pareto_likelihood(parameters, x, t_x, age)
        r, alpha, s, beta = map(mp.mpf, parameters)
        s += mp.mpf(10) ** -30
        end = beta + mp.mpf(age)
        bought = (r + x) * end / ((alpha + mp.mpf(age)) * (s - 1)) * (1 - (end / (end + mp.mpf(horizon))) ** (s - 1))
        return float(bought * alive / (alive + left))


def pareto_dert(parameters: BgNbd, x: int, t_x: float, age: float, discount: float) -> float:
    """Fader, Hardie, Lee (2005), "RFM and CLV", equation 2, with Tricomi's confluent hypergeometric function, literally."""
    with mp.workdps(PARETO_DIGITS):
        alive, left = _pareto_likelihood(parameters, x, t_x, age)
        r, alpha, s, beta = map(mp.mpf, parameters)
        delta, age = mp.mpf(discount), mp.mpf(age)
        factor = alpha**r * beta**s * delta ** (s - 1) * mp.gamma(r + x + 1) / (mp.gamma(r) * (alpha + age) ** (r + x + 1))
        return float(factor * mp.hyperu(s, s, delta * (beta + age)) / (alive + left))
