"""The search for a maximum: it arrives from bad starts, climbs where curvature is wrong, and stops at the box."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analytics_svc.value.newton import Derivatives, maximise
from analytics_svc.value.statistics import Floats

LOWER, UPPER = np.array([1e-3, 1e-3]), np.array([1e3, 1e3])
PEAK = np.array([2.0, 0.5])


def bell(place: Floats) -> Derivatives:
    """exp of a parabola in the logarithms: concave near its peak only."""
    distance = np.log(place / PEAK)
    height = float(np.exp(-(distance**2).sum()))
    in_logs = -2 * distance * height
    curvature = height * (4 * np.outer(distance, distance) - 2 * np.eye(2))
    return height, in_logs / place, (curvature - np.diag(in_logs)) / np.outer(place, place)


def rising(place: Floats) -> Derivatives:
    """Rises for ever with the first parameter, and has its best second one at 0.5."""
    offset = np.log(place[1] / 0.5)
    slope = np.array([1 / place[0] ** 2, -2 * offset / place[1]])
    bend = np.diag([-2 / place[0] ** 3, (-2 + 2 * offset) / place[1] ** 2])
    return float(-1 / place[0] - offset**2), slope, bend


@pytest.mark.parametrize("start", [(2.0, 0.5), (1.9, 0.6), (9.0, 0.2), (0.3, 3.0)])
def test_the_peak_is_found_also_from_where_the_surface_is_not_concave(start: tuple[float, float]) -> None:
    found = maximise(bell, np.array(start), lower=LOWER, upper=UPPER)
    assert found.converged
    assert_allclose(found.parameters, PEAK, rtol=1e-3)
    assert found.value == pytest.approx(1.0, abs=1e-6)


def test_a_function_without_a_maximum_ends_on_the_box() -> None:
    found = maximise(rising, np.array([1.0, 5.0]), lower=LOWER, upper=UPPER)
    assert found.converged
    assert_allclose(found.parameters, [1e3, 0.5], rtol=1e-3)


def test_a_start_outside_the_box_is_moved_into_it() -> None:
    found = maximise(bell, np.array([1e9, 1e-9]), lower=np.array([1.0, 0.1]), upper=np.array([3.0, 1.0]))
    assert_allclose(found.parameters, PEAK, rtol=1e-3)


def test_a_search_that_was_stopped_says_so() -> None:
    found = maximise(bell, np.array([9.0, 0.1]), lower=LOWER, upper=UPPER, limit=1)
    assert (found.converged, found.iterations) == (False, 1)


def test_errors_exist_only_where_the_curvature_is_that_of_a_maximum() -> None:
    at_peak = maximise(bell, PEAK, lower=LOWER, upper=UPPER)
    errors = at_peak.standard_errors()
    assert errors is not None
    assert_allclose(errors, PEAK * np.sqrt(0.5), rtol=1e-9)
    stopped = maximise(bell, np.array([9.0, 0.01]), lower=LOWER, upper=UPPER, limit=1)
    assert stopped.standard_errors() is None
