"""The sentences of reasons."""

import pytest

from analytics_svc.churn.features import FEATURES
from analytics_svc.churn.reasons import SENTENCES, sentence


@pytest.mark.parametrize(
    ("code", "number", "usual", "said"),
    [
        ("last_order", 143, 31, "last order 143 days ago, usually every 31"),
        ("last_order", 1, None, "last order 1 day ago, the only one"),
        ("frequency", 1, None, "has bought on 1 day"),
        ("tenure", 1200, None, "first bought 1,200 days ago"),
        ("spend", 35.4, None, "spends 35.40 USD on a day of purchase"),
        ("spend_trend", 12.0, 35.4, "spent 12.00 USD last time, 35.40 on average"),
        ("tickets_open", 2, None, "2 open tickets"),
        ("tickets_past", 1, None, "1 ticket settled in the last 13 weeks"),
        ("complaints", 0, None, "0 complaints in the last 13 weeks"),
        ("sends", 5, None, "5 messages sent in the last 13 weeks"),
        ("clicks", 1, None, "1 click on messages in the last 13 weeks"),
        ("activities", 2, None, "2 activities in the last 13 weeks"),
    ],
)
def test_a_reason_is_said_in_plain_english(code: str, number: float, usual: float | None, said: str) -> None:
    assert sentence(code, number, usual, currency="USD") == said


def test_every_reason_of_a_feature_can_be_said() -> None:
    assert set(SENTENCES) == {feature.reason for feature in FEATURES.values()}
