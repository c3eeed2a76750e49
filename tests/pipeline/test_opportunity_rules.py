"""The rules of opportunities as laws."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_svc.opportunities import rules
from pipeline_svc.pipelines.rules import decide_stages
from services.errors import Invalid, Refusal

START = datetime(2026, 1, 1, tzinfo=UTC)
NEW, TALK, WON, LOST = (UUID(int=number) for number in range(1, 5))
STAGES = decide_stages(
    [
        {"key": key, "name": key, "kind": kind, "probability_bps": bps, "required_fields": [], "rotting_days": None, "allowed_roles": []}
        for key, kind, bps in (("new", "open", 1_000), ("talk", "open", 4_000), ("won", "won", None), ("lost", "lost", None))
    ],
    [],
    ids=[NEW, TALK, WON, LOST],
)
STEPS = st.lists(st.tuples(st.sampled_from(["new", "talk", "win", "lose", "reopen"]), st.integers(-3, 100)), max_size=30)


@given(
    quantity=st.integers(1, 10**6),
    price=st.integers(0, 10**7),
    discount=st.integers(0, 10_000),
    more=st.lists(st.integers(0, 10**6), max_size=5),
)
def test_a_line_is_its_price_less_its_discount_to_the_nearest_unit(quantity: int, price: int, discount: int, more: list[int]) -> None:
    """Law: |amount − quantity × price × (1 − discount)| ≤ ½, and the total is the sum of the amounts."""
    plain = [{"quantity": 1, "unit_price_minor": each, "discount_bps": 0} for each in more]
    lines, total = rules.price_lines([{"quantity": quantity, "unit_price_minor": price, "discount_bps": discount}, *plain])
    exact = Fraction(quantity * price * (10_000 - discount), 10_000)
    assert abs(lines[0]["amount_minor"] - exact) <= Fraction(1, 2)
    assert total == sum(line["amount_minor"] for line in lines) == lines[0]["amount_minor"] + sum(more)


@given(shares=st.lists(st.integers(0, 10_000), max_size=4), overlays=st.lists(st.integers(0, 10_000), max_size=3))
def test_revenue_shares_make_the_whole_or_there_are_none(shares: list[int], overlays: list[int]) -> None:
    """Law: splits stand exactly where there are no revenue shares or they sum to 10,000; overlays are free."""
    splits = [{"user_id": n, "share_bps": bps, "kind": "revenue"} for n, bps in enumerate(shares)]
    splits += [{"user_id": n, "share_bps": bps, "kind": "overlay"} for n, bps in enumerate(overlays)]
    if not shares or sum(shares) == 10_000:
        rules.check_splits(splits)
    else:
        with pytest.raises(Invalid):
            rules.check_splits(splits)


@given(steps=STEPS)
def test_whatever_is_tried_an_opportunity_stays_sound_and_its_stays_add_up(steps: list[tuple[str, int]]) -> None:
    """Laws: status = kind of its stage; closed_at and an end's probability exactly where it is closed; stages are entered in the order of
    time; the stays from opened_at on sum to the last entry; what is refused changes nothing.
    """
    gate = rules.Gate(STAGES, [], START + timedelta(days=10_000))
    row: dict[str, Any] = {"closed_at": None, "reason_id": None, "stalled_since": None}
    row |= rules.decide_birth(row, gate, stage_id=None, opened_at=START)
    entered = [START]
    for name, hours in steps:
        before, at = dict(row), row["stage_since"] + timedelta(hours=hours)
        try:
            step = _decide(name, row, gate, at=at)
        except Refusal:
            assert row == before
            continue
        if step is not None:
            row |= step.changes
            entered.append(row["stage_since"])
        kinds = {UUID(stage["id"]): stage["kind"] for stage in STAGES}
        assert row["status"] == kinds[row["stage_id"]]
        assert (row["closed_at"] is None) == (row["status"] == "open")
        assert row["closed_at"] in (None, row["stage_since"])
        assert row["probability_bps"] == {NEW: 1_000, TALK: 4_000, WON: 10_000, LOST: 0}[row["stage_id"]]
        assert (row["reason_id"] is None) == (row["status"] != "lost")
    assert entered == sorted(entered)
    assert sum(rules.seconds_between(a, b) for a, b in pairwise(entered)) == (entered[-1] - START).total_seconds()


def _decide(name: str, row: dict[str, Any], gate: rules.Gate, *, at: datetime) -> rules.Step | None:
    close: dict[str, Any] = {"stage_id": None, "at": at, "competitor_id": None}
    match name:
        case "win":
            return rules.decide_close(row, gate, kind="won", reason_id=None, **close)
        case "lose":
            return rules.decide_close(row, gate, kind="lost", reason_id=UUID(int=9), **close)
        case "reopen":
            return rules.decide_reopen(row, gate, stage_id=NEW, at=at)
    return rules.decide_move(row, gate, stage_id=NEW if name == "new" else TALK, at=at)
