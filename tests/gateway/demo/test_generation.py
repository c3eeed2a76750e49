"""The demo company is the same for the same day, and looks like a company."""

from collections import Counter
from datetime import date

import pytest

from gateway.demo.generation import DemoCompany, invent_company

TODAY = date(2026, 3, 2)


@pytest.fixture(scope="module")
def company() -> DemoCompany:
    return invent_company(TODAY)


def test_the_same_day_gives_the_same_company(company: DemoCompany) -> None:
    assert invent_company(TODAY) == company
    assert invent_company(date(2026, 3, 3)) != company


def test_fewer_customers_are_the_first_of_more(company: DemoCompany) -> None:
    few = invent_company(TODAY, customers=50)
    assert few.contacts == company.contacts[:50]
    assert few.orders == [order for order in company.orders if order.contact_key <= "C00050"]


def test_customers_buy_over_two_years_up_to_yesterday(company: DemoCompany) -> None:
    placed = [order.data["placed_at"] for order in company.orders]
    assert placed == sorted(placed)
    assert (placed[0][:10], placed[-1][:10]) == ("2024-03-03", "2026-03-01")
    assert len({order.contact_key for order in company.orders}) == len(company.contacts) == 2_000
    assert 4_000 < len(placed) < 10_000
    per_customer = Counter(order.contact_key for order in company.orders)
    assert 600 < sum(count == 1 for count in per_customer.values()) < 1_200
    assert max(per_customer.values()) > 20


def test_nobody_buys_twice_on_one_day(company: DemoCompany) -> None:
    days = Counter((order.contact_key, order.data["placed_at"][:10]) for order in company.orders)
    assert max(days.values()) == 1


def test_keys_are_unique(company: DemoCompany) -> None:
    assert len({order.key for order in company.orders}) == len(company.orders)
    assert len({contact.key for contact in company.contacts}) == len(company.contacts)


def test_lines_add_up_and_leave_a_margin(company: DemoCompany) -> None:
    for order in company.orders:
        for line in order.data["lines"]:
            assert line["amount_minor"] == line["quantity"] * line["unit_price_minor"] - line["discount_minor"] > 0
            assert 0 < line["unit_cost_minor"] < line["unit_price_minor"]
    assert {line["tier"] for order in company.orders for line in order.data["lines"]} == {1, 2, 3}
    assert len({line["category"] for order in company.orders for line in order.data["lines"]}) == 4


def test_some_orders_end_otherwise_and_not_before_they_were_placed(company: DemoCompany) -> None:
    endings = Counter(order.ending for order in company.orders)
    assert all(endings[ending] > 20 for ending in ("partly_refunded", "returned", "cancelled"))
    for order in company.orders:
        total = sum(line["amount_minor"] for line in order.data["lines"])
        assert order.data["placed_at"] < order.at
        assert order.ending == "kept" or order.at[:10] < "2026-03-02"
        assert order.refund_minor == {"returned": total, "partly_refunded": max(1, total // 4)}.get(order.ending, 0)
        assert order.data["paid"] is (order.ending != "cancelled")
        assert not (order.ending == "cancelled" and order.data["fulfilled"])


def test_every_name_is_invented_and_every_address_is_reserved(company: DemoCompany) -> None:
    addresses = [email["address"] for contact in company.contacts for email in contact.data["emails"]]
    assert all(address.endswith("@example.com") for address in addresses)
    assert len(set(addresses)) == 2_000
    kinds = Counter(contact.data["kind"] for contact in company.contacts)
    assert 150 < kinds["organization"] < 350
