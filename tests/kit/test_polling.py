"""Pauses between looks: short while there is news, long in silence."""

from services.polling import LONGEST_SECONDS, SHORTEST_SECONDS, Pauses


def test_silence_makes_the_pauses_longer_up_to_a_limit_that_is_reached_within_two_seconds() -> None:
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
    for _ in range(100):
        pauses.after(news=False)
    assert pauses.after(news=True) == SHORTEST_SECONDS
