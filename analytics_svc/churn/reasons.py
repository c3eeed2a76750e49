"""Why a customer may leave: each part of the score as a code with its number, and the plain English sentence made of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

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


def reasons_of(leaving: Leaving, seen: Evidence, customer: int) -> list[Reason]:
    """All parts of one customer's score that are not nothing, the largest first, ties by code."""
    found = []
    for code, values in leaving.parts.items():
        number, usual = _numbers(code, seen, customer)
        found.append(Reason(code, number, usual, float(values[customer])))
    return sorted((reason for reason in found if reason.contribution), key=lambda reason: (-abs(reason.contribution), reason.code))


def sentence(code: str, number: float, usual: float | None, *, currency: str) -> str:
    """A reason in plain English, with its number."""
    return SENTENCES[code](number, usual, currency)


def _numbers(code: str, seen: Evidence, at: int) -> tuple[float, float | None]:
    repeats = seen.x[at] > 0
    if code == CLOSED_FORM:
        return round(seen.gap[at] * DAYS_PER_WEEK), round(seen.rhythm[at] * DAYS_PER_WEEK) if repeats else None
    if code == "frequency":
        return float(seen.x[at]) + 1, None
    if code == "tenure":
        return round(seen.age[at] * DAYS_PER_WEEK), None
    if code == "spend":
        return round(float(seen.mean_spend[at]), 2), None
    if code == "spend_trend":
        return round(float(seen.last_spend[at]), 2), round(float(seen.mean_spend[at]), 2)
    return int(seen.signals[code][at]), None


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
