"""Why a customer may leave: each part of the score as a code with its number, and the plain English sentence made of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics_svc.scores.rules import Floats
from analytics_svc.value.statistics import DAYS_PER_WEEK

from .features import Evidence
from .scorer import CLOSED_FORM, Leaving
from .signals import RECENT_DAYS

WEEKS = RECENT_DAYS // 7


@dataclass(frozen=True, slots=True)
class Reason:
    """A part of a churn score. `contribution` is in log-odds of leaving, against the average customer."""

    code: str
    number: float
    usual: float | None
    contribution: float


def reasons_of(leaving: Leaving, seen: Evidence, *, most: int | None = None) -> list[list[Reason]]:
    """The parts of each customer's score that are not nothing, the largest first: all of them, or the `most` largest."""
    codes = list(leaving.parts)
    parts = np.column_stack([leaving.parts[code] for code in codes])
    numbers = [_numbers(code, seen) for code in codes]
    largest = np.argsort(-np.abs(parts), axis=1, kind="stable")[:, :most]
    return [
        [Reason(codes[n], float(numbers[n][0][at]), _usual(numbers[n][1], at), float(parts[at, n])) for n in order if parts[at, n]]
        for at, order in enumerate(largest)
    ]


def brief(reason: Reason) -> dict[str, Any]:
    """A reason as scores keep it and events carry it (see `services.events.analytics.ScoreReason`)."""
    usual = None if reason.usual is None else _text(reason.usual)
    milli = round(reason.contribution * 1000)
    return {"code": reason.code, "number": _text(reason.number), "usual": usual, "contribution_milli": milli}


def sentence(code: str, number: float, usual: float | None, *, currency: str) -> str:
    """A reason in plain English, with its number."""
    return SENTENCES[code](number, usual, currency)


def _numbers(code: str, seen: Evidence) -> tuple[Floats, Floats | None]:
    """What was seen, and what is usual (nothing where it is not a number), per customer."""
    if code == CLOSED_FORM:
        return np.rint(seen.gap * DAYS_PER_WEEK), np.where(seen.x > 0, np.rint(seen.rhythm * DAYS_PER_WEEK), np.nan)
    if code == "frequency":
        return seen.x + 1, None
    if code == "tenure":
        return np.rint(seen.age * DAYS_PER_WEEK), None
    if code == "spend":
        return seen.mean_spend.round(2), None
    if code == "spend_trend":
        return seen.last_spend.round(2), seen.mean_spend.round(2)
    return seen.signals[code].astype(np.float64), None


def _usual(values: Floats | None, at: int) -> float | None:
    return None if values is None or np.isnan(values[at]) else float(values[at])


def _text(number: float) -> str:
    return f"{number:.0f}" if number == int(number) else f"{number:.2f}"


def _last_order(number: float, usual: float | None, _currency: str) -> str:
    rest = f"usually every {usual:.0f}" if usual is not None else "the only one"
    return f"last order {_many(number, 'day')} ago, {rest}"


def _many(number: float, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("ty") else f"{noun}s"
    return f"{number:,.0f} {noun if number == 1 else plural}"


SENTENCES: Mapping[str, Callable[[float, float | None, str], str]] = {
    CLOSED_FORM: _last_order,
    "frequency": lambda number, _usual, _currency: f"has bought on {_many(number, 'day')}",
    "tenure": lambda number, _usual, _currency: f"first bought {_many(number, 'day')} ago",
    "spend": lambda number, _usual, currency: f"spends {number:,.2f} {currency} on a day of purchase",
    "spend_trend": lambda number, usual, currency: f"spent {number:,.2f} {currency} last time, {usual or 0:,.2f} on average",
    "tickets_open": lambda number, _usual, _currency: _many(number, "open ticket"),
    "tickets_past": lambda number, _usual, _currency: f"{_many(number, 'ticket')} settled in the last {WEEKS} weeks",
    "complaints": lambda number, _usual, _currency: f"{_many(number, 'complaint')} in the last {WEEKS} weeks",
    "sends": lambda number, _usual, _currency: f"{_many(number, 'message')} sent in the last {WEEKS} weeks",
    "clicks": lambda number, _usual, _currency: f"{_many(number, 'click')} on messages in the last {WEEKS} weeks",
    "activities": lambda number, _usual, _currency: f"{_many(number, 'activity')} in the last {WEEKS} weeks",
}
