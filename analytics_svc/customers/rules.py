"""What the facts say of a customer: the statistics rule of the house in plain Python, the twin of the SQL in `purchases.py`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from services.money import MOST_MINOR


class OrderFact(Protocol):
    """What the rule must know of a fact about an order."""

    @property
    def subject(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def contact_id(self) -> UUID: ...
    @property
    def occurred_on(self) -> date: ...
    @property
    def recorded_at(self) -> datetime: ...
    @property
    def currency(self) -> str: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def margin_minor(self) -> int | None: ...
    @property
    def attributes(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Statistics:
    """A customer's purchases, by business days.

    `repeat_days` are the purchase days after the first (x). `spend_days` are the repeat days on which every order's amount is known
    in the tenant's currency, and `spend_minor` what was bought on them: the input of the spend model. `orders_without_rate` are the
    orders in another currency: they make a purchase day, and their amounts stand in no sum. `last_spend_minor` is the revenue of the last
    purchase day, and `costed_…` are the sums over the orders that name their margin. Who bought nothing has no currency either.
    """

    currency: str | None = None
    first_on: date | None = None
    last_on: date | None = None
    purchase_days: int = 0
    repeat_days: int = 0
    spend_days: int = 0
    spend_minor: int = 0
    orders: int = 0
    orders_without_rate: int = 0
    revenue_minor: int = 0
    last_spend_minor: int = 0
    costed_revenue_minor: int = 0
    costed_margin_minor: int = 0


@dataclass(frozen=True, slots=True)
class _Purchase:
    on: date
    is_rated: bool
    amount_minor: int
    margin_minor: int | None


def statistics_of(
    facts: Iterable[OrderFact], *, currency: str | None, as_of: date = date.max, known_at: datetime | None = None
) -> Mapping[UUID, Statistics]:
    """The statistics of every contact who ever had an order among `facts`, as of a day and as known at an instant (default: now).

    The latest fact of each order decides: its contact, its day, its amounts. `currency` is the tenant's.
    """
    in_time = [f for f in facts if f.occurred_on <= as_of and (known_at is None or f.recorded_at <= known_at)]
    latest: dict[str, OrderFact] = {}
    for fact in sorted(in_time, key=lambda fact: fact.sequence):
        latest[fact.subject] = fact
    purchases: dict[UUID, list[_Purchase]] = {fact.contact_id: [] for fact in in_time}
    for fact in latest.values():
        purchase = _purchase(fact, currency)
        if purchase is not None and purchase.on <= as_of:
            purchases[fact.contact_id].append(purchase)
    return {contact_id: _summed(bought, currency) for contact_id, bought in purchases.items()}


def _purchase(fact: OrderFact, currency: str | None) -> _Purchase | None:
    """The purchase that an order is, or None: a draft, a test, cancelled, or all the money that was paid went back."""
    state = fact.attributes
    paid, refunded = state["paid_minor"], state["refunded_minor"]
    if state["status"] not in ("placed", "completed") or state["is_test"] or 0 < paid <= refunded:
        return None
    kept = max(fact.amount_minor - refunded, 0)
    return _Purchase(date.fromisoformat(state["placed_on"]), fact.currency == currency, kept, _margin_kept(fact, kept))


def _margin_kept(fact: OrderFact, kept_minor: int) -> int | None:
    """The part of an order's margin that a partial refund leaves: in proportion, cut off towards zero."""
    if fact.margin_minor is None or fact.attributes["refunded_minor"] == 0:
        return fact.margin_minor
    if fact.amount_minor == 0:
        return 0
    part = abs(fact.margin_minor) * kept_minor // fact.amount_minor
    return part if fact.margin_minor > 0 else -part


def _summed(bought: list[_Purchase], currency: str | None) -> Statistics:
    if not bought:
        return Statistics()
    by_day: dict[date, list[_Purchase]] = defaultdict(list)
    for purchase in bought:
        by_day[purchase.on].append(purchase)
    first, last = min(by_day), max(by_day)
    spend = [day for on, day in by_day.items() if on > first and all(p.is_rated for p in day)]
    rated = [p for p in bought if p.is_rated]
    costed = [(p.amount_minor, p.margin_minor) for p in rated if p.margin_minor is not None]
    return Statistics(
        currency=currency,
        first_on=first,
        last_on=last,
        purchase_days=len(by_day),
        repeat_days=len(by_day) - 1,
        spend_days=len(spend),
        spend_minor=_bounded(sum(p.amount_minor for day in spend for p in day)),
        orders=len(bought),
        orders_without_rate=len(bought) - len(rated),
        revenue_minor=_bounded(sum(p.amount_minor for p in rated)),
        last_spend_minor=_bounded(sum(p.amount_minor for p in by_day[last] if p.is_rated)),
        costed_revenue_minor=_bounded(sum(amount for amount, _ in costed)),
        costed_margin_minor=_bounded(sum(margin for _, margin in costed)),
    )


def _bounded(minor: int) -> int:
    """Sums stop at the largest amount that an event can carry; no real customer comes near it."""
    return max(-MOST_MINOR, min(MOST_MINOR, minor))
