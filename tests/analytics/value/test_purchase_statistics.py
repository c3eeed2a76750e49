"""Collapsing customers to distinct histories loses nothing, and impossible histories are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from analytics_svc.value import bg_nbd, statistics
from analytics_svc.value.bg_nbd import BgNbdParameters

PARAMETERS = BgNbdParameters(0.243, 4.414, 0.793, 2.426)
histories_in_days = st.lists(
    st.tuples(st.integers(0, 6), st.integers(1, 40), st.integers(0, 40)).map(
        lambda h: (h[0], h[1] if h[0] else 0, h[2] + (h[1] if h[0] else 0))
    ),
    min_size=1,
    max_size=60,
)


@given(histories_in_days)
def test_every_customer_finds_its_own_history_again(customers: list[tuple[int, int, int]]) -> None:
    """Law: row `inverse[i]` of the collapsed histories is the history of customer i, and the weights count the customers."""
    x, t_x, age = map(np.array, zip(*customers, strict=True))
    histories, inverse = statistics.collapse(x, t_x, age)
    assert_array_equal(histories.x[inverse], x)
    assert_array_equal(histories.t_x[inverse], t_x / 7)
    assert_array_equal(histories.T[inverse], age / 7)
    assert_array_equal(histories.weight, np.bincount(inverse))
    assert len(histories) == len(set(customers))


@given(histories_in_days)
def test_collapsing_keeps_the_likelihood(customers: list[tuple[int, int, int]]) -> None:
    """Law: the log-likelihood of the collapsed histories is the sum over customers, gradient included."""
    x, t_x, age = map(np.array, zip(*customers, strict=True))
    collapsed, _ = statistics.collapse(x, t_x, age)
    one_by_one = statistics.histories_in_weeks(x, t_x / 7, age / 7)
    assert bg_nbd.log_likelihood(PARAMETERS, collapsed) == pytest.approx(bg_nbd.log_likelihood(PARAMETERS, one_by_one), rel=1e-12)
    assert_allclose(bg_nbd.gradient(PARAMETERS, collapsed), bg_nbd.gradient(PARAMETERS, one_by_one), rtol=1e-9, atol=1e-12)


def test_grouped_customers_collapse_as_if_they_came_one_by_one() -> None:
    grouped, _ = statistics.collapse([0, 2, 0, 2], [0, 5, 0, 5], [9, 8, 9, 8], weight=[3, 1, 2, 4])
    assert grouped.x.tolist() == [0, 2]
    assert grouped.weight.tolist() == [5.0, 5.0]
    assert grouped.customers == 10.0


def test_histories_are_ordered_by_count_then_age_then_last_purchase() -> None:
    histories, inverse = statistics.collapse([1, 0, 1, 1, 0], [21, 0, 7, 7, 0], [28, 28, 35, 28, 14])
    assert list(zip(histories.x.tolist(), histories.T.tolist(), histories.t_x.tolist(), strict=True)) == [
        (0, 2.0, 0.0),
        (0, 4.0, 0.0),
        (1, 4.0, 1.0),
        (1, 4.0, 3.0),
        (1, 5.0, 1.0),
    ]
    assert inverse.tolist() == [3, 1, 4, 2, 0]


def test_no_customers_collapse_to_no_histories() -> None:
    histories, inverse = statistics.collapse([], [], [])
    assert len(histories) == 0
    assert inverse.tolist() == []
    assert histories.customers == 0.0
    assert bg_nbd.expected_purchases(PARAMETERS, histories, 52).tolist() == []


@pytest.mark.parametrize(
    ("x", "t_x", "age", "complaint"),
    [
        ([-1], [1], [2], "never negative"),
        ([1], [3], [2], "lies between"),
        ([1], [-1], [2], "lies between"),
        ([1], [0], [2], "t_x is zero"),
        ([0], [1], [2], "t_x is zero"),
        ([1.5], [1], [2], "x must be whole numbers"),
        ([1], [1], [float("nan")], "age must be whole numbers"),
        ([1, 2], [1], [2], "one length"),
        ([2**31], [1], [2**31], "too large"),
    ],
)
def test_an_impossible_history_is_refused(x: list[float], t_x: list[float], age: list[float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        statistics.collapse(x, t_x, age)


@pytest.mark.parametrize("weight", [[-1.0], [float("nan")], [float("inf")]])
def test_a_weight_that_counts_nobody_is_refused(weight: list[float]) -> None:
    with pytest.raises(ValueError, match="weight"):
        statistics.collapse([1], [1], [2], weight=weight)


def test_histories_in_weeks_broadcast_one_customer_over_many() -> None:
    histories = statistics.histories_in_weeks(2, 30.43, [38.86, 40.0])
    assert histories.x.tolist() == [2, 2]
    assert histories.T.tolist() == [38.86, 40.0]
    assert histories.customers == 2.0
    with pytest.raises(ValueError, match="lies between"):
        statistics.histories_in_weeks(2, 30.43, float("inf") - float("inf"))
