"""The statistics rule in plain Python (entities.md, section 6, last paragraph)."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from analytics_svc.customers.rules import Statistics, statistics_of
from services.money import MOST_MINOR

ANN, BOB = UUID(int=1), UUID(int=2)
JAN, FEB, MARCH = date(2026, 1, 10), date(2026, 2, 10), date(2026, 3, 10)
KNOWN = datetime(2026, 4, 1, tzinfo=UTC)


@dataclass
class Fact:
    """A fact of an order that was placed and paid, unless said otherwise."""

    subject: str = "order/1"
    on: date = JAN
    sequence: int = 1
    contact_id: UUID = ANN
    amount_minor: int = 1000
    margin_minor: int | None = None
    currency: str = "USD"
    occurred_on: date = JAN
    recorded_at: datetime = KNOWN
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def attributes(self) -> dict[str, Any]:
        paid = {"status": "placed", "is_test": False, "paid_minor": self.amount_minor, "refunded_minor": 0}
        return paid | {"placed_on": self.on.isoformat()} | self.state


def ann(*facts: Fact, **bounds: Any) -> Statistics:
    return statistics_of(facts, currency="USD", **bounds)[ANN]


def test_days_not_orders_make_repeats() -> None:
    found = ann(Fact("a"), Fact("b", JAN, amount_minor=500), Fact("c", FEB, amount_minor=700), Fact("d", FEB), Fact("e", MARCH))
    assert (found.first_on, found.last_on, found.purchase_days, found.repeat_days, found.orders) == (JAN, MARCH, 3, 2, 5)
    assert (found.spend_days, found.spend_minor, found.revenue_minor) == (2, 2700, 4200)


def test_an_order_of_zero_counts_as_a_purchase() -> None:
    found = ann(Fact("a"), Fact("b", FEB, amount_minor=0))
    assert (found.purchase_days, found.spend_days, found.spend_minor, found.orders) == (2, 1, 0, 2)


@pytest.mark.parametrize(
    "undone",
    [{"status": "cancelled"}, {"refunded_minor": 1000}, {"is_test": True}, {"status": "draft", "paid_minor": 0}],
    ids=["cancelled", "all money back", "a test", "a draft"],
)
def test_what_is_no_purchase_empties_its_day(undone: dict[str, Any]) -> None:
    assert ann(Fact("a", state=undone)) == Statistics()
    found = ann(Fact("a", state=undone), Fact("b", FEB))
    assert (found.first_on, found.purchase_days, found.orders, found.revenue_minor) == (FEB, 1, 1, 1000)


def test_an_unpaid_order_is_a_purchase() -> None:
    assert ann(Fact("a", state={"paid_minor": 0})).orders == 1


def test_a_partial_refund_lowers_the_amount_and_the_margin_in_proportion() -> None:
    found = ann(Fact("a", margin_minor=-301, state={"refunded_minor": 333}), Fact("b", FEB, margin_minor=400))
    assert (found.revenue_minor, found.costed_revenue_minor, found.costed_margin_minor) == (1667, 1667, 200)


def test_only_orders_that_name_their_costs_count_for_the_margin() -> None:
    found = ann(Fact("a"), Fact("b", FEB, margin_minor=250))
    assert (found.revenue_minor, found.costed_revenue_minor, found.costed_margin_minor) == (2000, 1000, 250)


def test_the_last_spend_is_that_of_the_last_day_in_the_tenants_currency() -> None:
    found = ann(
        Fact("a", JAN, amount_minor=9), Fact("b", FEB, amount_minor=30), Fact("c", FEB, amount_minor=4), Fact("d", FEB, currency="EUR")
    )
    assert found.last_spend_minor == 34
    assert ann(Fact("a", JAN), Fact("b", FEB, currency="EUR")).last_spend_minor == 0


def test_another_currency_makes_a_purchase_day_and_no_amount() -> None:
    found = ann(Fact("a"), Fact("b", FEB, currency="EUR", margin_minor=1), Fact("c", FEB), Fact("d", MARCH, amount_minor=70))
    assert (found.purchase_days, found.orders, found.orders_without_rate, found.revenue_minor) == (3, 4, 1, 2070)
    assert (found.spend_days, found.spend_minor, found.costed_revenue_minor) == (1, 70, 0)


def test_without_the_tenants_currency_no_amount_is_known() -> None:
    found = statistics_of([Fact("a")], currency=None)[ANN]
    assert (found.orders, found.orders_without_rate, found.revenue_minor) == (1, 1, 0)


def test_the_latest_fact_of_an_order_decides_its_day_its_amount_and_its_customer() -> None:
    facts = [Fact("a", MARCH), Fact("b", FEB), Fact("b", JAN, 2, amount_minor=10), Fact("c", FEB), Fact("c", FEB, 2, BOB)]
    found = statistics_of(facts, currency="USD")
    assert (found[ANN].first_on, found[ANN].revenue_minor, found[ANN].orders) == (JAN, 1010, 2)
    assert (found[BOB].first_on, found[BOB].orders) == (FEB, 1)


def test_as_of_asks_what_had_happened_and_known_at_what_we_had_learnt() -> None:
    back_dated = Fact("b", JAN, recorded_at=datetime(2026, 3, 1, tzinfo=UTC))
    refund = Fact("a", JAN, 2, occurred_on=MARCH, state={"refunded_minor": 1000})
    facts = [Fact("a", JAN, recorded_at=datetime(2026, 1, 10, tzinfo=UTC)), back_dated, refund]
    assert ann(*facts, as_of=FEB).orders == 2
    assert ann(*facts, as_of=MARCH).orders == 1
    assert ann(*facts, as_of=FEB, known_at=datetime(2026, 2, 1, tzinfo=UTC)).orders == 1
    assert statistics_of(facts, currency="USD", as_of=date(2025, 12, 31)) == {}


def test_sums_stop_at_the_largest_amount_that_an_event_carries() -> None:
    assert ann(*(Fact(str(n), amount_minor=MOST_MINOR, margin_minor=-MOST_MINOR) for n in range(3))) == Statistics(
        "USD",
        JAN,
        JAN,
        1,
        orders=3,
        revenue_minor=MOST_MINOR,
        last_spend_minor=MOST_MINOR,
        costed_revenue_minor=MOST_MINOR,
        costed_margin_minor=-MOST_MINOR,
    )
