"""Generated customers for the benches of customer value."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Population:
    """Customers' x, t_x and T in days, and the mean spend of their repeat days."""

    x: Integers
    t_x: Integers
    age: Integers
    mean_spend: Floats


def generate(customers: int, *, seed: int = 1997) -> Population:
    """Customers of a BG/NBD and Gamma-Gamma world with parameters near CDNOW's, who joined over a year, seen for 18 months."""
    random = np.random.default_rng(seed)
    age = random.integers(181, 547, customers)
    rate = np.maximum(random.gamma(0.25, 1 / 4.5, customers) / 7, 1e-12)
    leaves = random.beta(0.8, 2.4, customers)
    x, last, clock = np.zeros(customers, np.int64), np.zeros(customers, np.int64), np.zeros(customers)
    alive = np.arange(customers)
    while len(alive):
        clock[alive] += random.exponential(1 / rate[alive])
        alive = alive[clock[alive] <= age[alive]]
        day = np.ceil(clock[alive]).astype(np.int64)
        x[alive] += day > last[alive]
        last[alive] = day
        alive = alive[random.random(len(alive)) >= leaves[alive]]
    repeats = np.maximum(x, 1)
    level = 15.4 / random.gamma(3.74, 1.0, customers)
    return Population(x, last, age, np.where(x > 0, level * random.gamma(6.25 * repeats) / repeats, 0.0))
