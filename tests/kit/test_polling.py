"""Pauses between looks: short while there is news, long in silence."""

import pytest

from services import polling
from services.polling import LONGEST_SECONDS, SHORTEST_SECONDS, Pauses


def in_silence(pauses: Pauses) -> None:
    for _ in range(100):
        pauses.after(news=False)


def test_silence_makes_the_pauses_longer_up_to_a_limit_that_is_reached_within_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "monotonic", lambda: 0.0)
    pauses = Pauses()
    waited, seen = 0.0, [pauses.after(news=False)]
    while seen[-1] < LONGEST_SECONDS:
        waited += seen[-1]
        seen.append(pauses.after(news=False))
    assert seen == sorted(seen)
    assert seen[0] < 1.1 * SHORTEST_SECONDS
    assert 1.0 < waited < 2.0
    assert pauses.after(news=False) == LONGEST_SECONDS


def test_news_makes_the_next_pause_the_shortest() -> None:
    pauses = Pauses()
    in_silence(pauses)
    assert pauses.after(news=True) == SHORTEST_SECONDS


@pytest.mark.parametrize("later", [0.0, 0.02])
@pytest.mark.parametrize("at", [0.0, 0.013, 0.0799, 5.031, 86_400.5])
def test_the_longest_pauses_end_together_whenever_they_began(at: float, later: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "monotonic", lambda: at)
    pauses = Pauses(later_seconds=later)
    in_silence(pauses)
    pause = pauses.after(news=False)
    rounds = (at + pause - later) / LONGEST_SECONDS
    assert 0 < pause <= LONGEST_SECONDS
    assert rounds == pytest.approx(round(rounds), abs=1e-6)
