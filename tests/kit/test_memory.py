"""Garbage: what a process loaded at its start is not walked over again, and what is thrown away later is still found."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from services import memory


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


class Knot:
    """Something that refers to itself, so that only the collector can free it."""

    def __init__(self) -> None:
        self.me = self


def test_what_is_loaded_is_set_apart() -> None:
    memory.set_apart_what_is_loaded()
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold()[:2] == (memory.ALLOCATIONS, memory.YOUNG)


def test_knots_made_later_are_still_collected() -> None:
    memory.set_apart_what_is_loaded()
    gone = weakref.ref(Knot())
    held = [[number] for number in range(2 * memory.ALLOCATIONS)]
    assert gone() is None
    assert len(held) == 2 * memory.ALLOCATIONS


def test_nothing_is_collected_while_a_process_loads() -> None:
    with memory.undisturbed():
        knot = weakref.ref(Knot())
        held = [[number] for number in range(2 * gc.get_threshold()[0])]
        assert knot() is not None
    gc.collect()
    assert knot() is None
    assert held
