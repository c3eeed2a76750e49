"""The growth that a soak reports: a planted leak is found through noise and peaks, and noise alone is no leak."""

import random

import pytest

from bench.slopes import growth_percent

SECONDS = [5.0 * number for number in range(180)]
"""A quarter of an hour."""


@pytest.mark.parametrize("leak", [2.0, 5.0, -3.0])
def test_a_planted_leak_is_found_through_noise(leak: float) -> None:
    dice = random.Random(7)
    sizes = [200 * (1 + leak / 100 * at / 600) + dice.gauss(0, 1) for at in SECONDS]
    assert growth_percent(SECONDS, sizes) == pytest.approx(leak, abs=0.3)


def test_a_noisy_flat_line_does_not_grow() -> None:
    dice = random.Random(8)
    assert abs(growth_percent(SECONDS, [200 + dice.gauss(0, 2) for _ in SECONDS])) < 0.5


def test_peaks_of_short_work_are_no_growth() -> None:
    """A job that takes 100 MB for a few seconds, more often towards the end, would tilt a line of least squares."""
    dice = random.Random(9)
    sizes = [200 + dice.gauss(0, 1) + (100 if number > 120 and number % 10 == 0 else 0) for number in range(len(SECONDS))]
    assert abs(growth_percent(SECONDS, sizes)) < 0.5


def test_a_step_that_stays_counts_as_growth() -> None:
    sizes = [200.0 if at < 450 else 220.0 for at in SECONDS]
    assert growth_percent(SECONDS, sizes) > 1


@pytest.mark.parametrize(("seconds", "sizes"), [([], []), ([1.0], [5.0]), ([1.0, 2.0, 3.0], [0.0, 0.0, 0.0])])
def test_what_was_hardly_seen_does_not_grow(seconds: list[float], sizes: list[float]) -> None:
    assert growth_percent(seconds, sizes) == 0.0
