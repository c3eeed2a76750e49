"""The rules of orders without a database: which verb fits when, and laws over any interleaving of verbs."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_svc.orders import rules
from pipeline_svc.orders.pricing import price_line, price_lines, sum_lines
from pipeline_svc.orders.schemas import OrderLineWrite
from services.errors import Conflict, Invalid, Refusal, TooLarge, WrongState

VERBS = ("place", "pay", "fulfill", "refund", "return", "complete", "cancel")


@dataclass(frozen=True)
class Standing:
    """An order as rules see it."""

    status: str
    total_minor: int
    paid_minor: int = 0
    refunded_minor: int = 0
    lines: tuple[dict[str, int], ...] = ()


def standing(status: str, *, total: int = 10, paid: int = 0, refunded: int = 0, goods: tuple[int, int, int] = (3, 0, 0)) -> Standing:
    """An order of one line; `goods` are its quantity, what was fulfilled, what was returned."""
    quantity, fulfilled, returned = goods
    line = {"line_no": 1, "quantity": quantity, "fulfilled_quantity": fulfilled, "returned_quantity": returned}
    return Standing(status, total, paid, refunded, (line,))


TABLE: list[tuple[Standing, str]] = [
    (standing("draft"), "place cancel"),
    (standing("placed"), "pay fulfill complete cancel"),
    (standing("placed", paid=4), "pay fulfill refund complete"),
    (standing("placed", paid=10), "fulfill refund complete"),
    (standing("placed", paid=4, refunded=1), "pay fulfill refund complete"),
    (standing("placed", paid=10, refunded=1), "fulfill refund complete"),
    (standing("placed", paid=4, refunded=4), "pay fulfill complete cancel"),
    (standing("placed", paid=10, refunded=10), "fulfill complete cancel"),
    (standing("placed", goods=(3, 1, 0)), "pay fulfill return complete"),
    (standing("placed", goods=(3, 3, 0)), "pay return complete"),
    (standing("placed", goods=(3, 3, 1)), "pay return complete"),
    (standing("placed", goods=(3, 2, 2)), "pay fulfill complete cancel"),
    (standing("placed", goods=(3, 3, 3)), "pay complete cancel"),
    (standing("placed", paid=10, goods=(3, 3, 0)), "refund return complete"),
    (standing("placed", paid=10, refunded=10, goods=(3, 3, 0)), "return complete"),
    (standing("placed", paid=10, goods=(3, 3, 3)), "refund complete"),
    (standing("placed", paid=10, refunded=10, goods=(3, 3, 3)), "complete cancel"),
    (standing("placed", total=0), "fulfill complete cancel"),
    (standing("placed", total=0, goods=(3, 3, 0)), "return complete"),
    (standing("completed"), "pay"),
    (standing("completed", paid=4), "pay refund"),
    (standing("completed", paid=10, goods=(3, 3, 0)), "refund return"),
    (standing("completed", paid=10, refunded=10, goods=(3, 3, 3)), ""),
    (standing("completed", paid=10, refunded=10, goods=(3, 1, 1)), ""),
    (standing("cancelled"), ""),
    (standing("cancelled", paid=10, refunded=10, goods=(3, 3, 3)), ""),
]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("order", "fitting"), TABLE, ids=lambda value: rules.state_of_axes(value) if isinstance(value, Standing) else "")
def test_every_verb_fits_every_state_or_is_refused_naming_it(order: Standing, fitting: str, verb: str) -> None:
    if verb in fitting.split():
        rules.check_fits(verb, order)
        return
    with pytest.raises(WrongState) as refusal:
        rules.check_fits(verb, order)
    assert (refusal.value.code, refusal.value.state) == ("wrong_state", rules.state_of_axes(order))
    assert list(refusal.value.verbs_that_fit) == fitting.split()


@pytest.mark.parametrize(
    ("total", "paid", "refunded", "status"),
    [
        (10, 0, 0, "unpaid"),
        (0, 0, 0, "unpaid"),
        (10, 1, 0, "partly_paid"),
        (10, 9, 0, "partly_paid"),
        (10, 10, 0, "paid"),
        (10, 10, 1, "partly_refunded"),
        (10, 4, 1, "partly_refunded"),
        (10, 10, 10, "refunded"),
        (10, 4, 4, "refunded"),
    ],
)
def test_the_payment_status_is_worked_out(total: int, paid: int, refunded: int, status: str) -> None:
    assert rules.payment_status(total, paid, refunded) == status


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([(3, 0, 0)], "none"),
        ([(3, 1, 0)], "partial"),
        ([(3, 3, 0), (1, 0, 0)], "partial"),
        ([(3, 3, 0), (1, 1, 0)], "fulfilled"),
        ([(3, 3, 0), (1, 1, 1)], "partly_returned"),
        ([(3, 2, 1)], "partly_returned"),
        ([(3, 2, 2), (1, 0, 0)], "returned"),
        ([(3, 3, 3), (1, 1, 1)], "returned"),
    ],
)
def test_the_fulfilment_status_is_worked_out(lines: list[tuple[int, int, int]], status: str) -> None:
    rows = [{"quantity": q, "fulfilled_quantity": f, "returned_quantity": r} for q, f, r in lines]
    assert rules.fulfilment_status(rows) == status


def carry_out(order: Standing, verb: str, amount: int | None, goods: dict[int, int] | None) -> Standing:
    """The verbs as movements.py carries them out."""
    rules.check_fits(verb, order)
    if verb == "pay":
        return replace(order, paid_minor=order.paid_minor + rules.decide_payment(order, amount))
    if verb == "refund":
        return replace(order, refunded_minor=order.refunded_minor + rules.decide_refund(order, amount))
    if verb == "fulfill":
        moved = rules.moved(order.lines, rules.decide_fulfilment(order.lines, goods), counter="fulfilled_quantity")
        return replace(order, lines=tuple(moved))
    if verb == "return":
        moved = rules.moved(order.lines, rules.decide_return(order.lines, goods), counter="returned_quantity")
        return replace(order, lines=tuple(moved))
    return replace(order, status={"place": "placed", "complete": "completed", "cancel": "cancelled"}[verb])


steps = st.lists(
    st.tuples(
        st.sampled_from(VERBS),
        st.none() | st.integers(1, 12),
        st.none() | st.dictionaries(st.integers(1, 3), st.integers(1, 4), min_size=1, max_size=3),
    ),
    max_size=40,
)


@given(steps, st.integers(0, 10), st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_any_interleaving_of_verbs_keeps_money_and_goods_in_bounds(
    taken: list[tuple[str, int | None, dict[int, int] | None]], total: int, quantities: list[int]
) -> None:
    """Law: 0 ≤ refunded ≤ paid ≤ total and 0 ≤ returned ≤ fulfilled ≤ quantity, always; the worked-out states say just that; a
    cancelled order has nothing outstanding, and what is refused changes nothing."""
    lines = [{"line_no": n, "quantity": q, "fulfilled_quantity": 0, "returned_quantity": 0} for n, q in enumerate(quantities, start=1)]
    order = Standing("draft", total, lines=tuple(lines))
    for verb, amount, goods in taken:
        try:
            order = carry_out(order, verb, amount, goods)
        except (Conflict, Invalid):
            continue
        assert 0 <= order.refunded_minor <= order.paid_minor <= order.total_minor
        assert all(0 <= line["returned_quantity"] <= line["fulfilled_quantity"] <= line["quantity"] for line in order.lines)
        payment = rules.payment_status(order.total_minor, order.paid_minor, order.refunded_minor)
        assert (payment == "refunded") == (order.refunded_minor == order.paid_minor > 0)
        assert (payment == "paid") == (order.paid_minor == total > 0 == order.refunded_minor)
        assert (payment == "unpaid") == (order.paid_minor == 0)
        goods_state = rules.fulfilment_status(order.lines)
        fulfilled, returned = (sum(line[name] for line in order.lines) for name in ("fulfilled_quantity", "returned_quantity"))
        assert (goods_state == "returned") == (returned == fulfilled > 0)
        assert (goods_state == "fulfilled") == (fulfilled == sum(quantities) and returned == 0)
        if order.status == "cancelled":
            assert (order.paid_minor, fulfilled) == (order.refunded_minor, returned)
            assert rules.verbs_that_fit(order) == []


@given(steps)
def test_every_verb_that_fits_can_be_carried_out_without_more_words(
    taken: list[tuple[str, int | None, dict[int, int] | None]],
) -> None:
    """Law: a verb named by `verbs_that_fit` succeeds with its defaults, and one that moves money or goods moves some."""
    order = standing("draft")
    for verb, amount, goods in taken:
        with suppress(Refusal):
            order = carry_out(order, verb, amount, goods)
        for fitting in rules.verbs_that_fit(order):
            assert carry_out(order, fitting, None, None) != order


NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_an_instant_is_now_unless_told_and_never_before_the_order_was_placed() -> None:
    later = NOW + timedelta(minutes=3)
    assert rules.decide_instant("pay", None, now=NOW) == NOW
    assert rules.decide_instant("refund", None, now=NOW, placed_at=later) == later
    assert rules.decide_instant("pay", NOW + rules.SKEW, now=NOW) == NOW + rules.SKEW
    assert rules.decide_instant("pay", NOW, now=NOW, placed_at=later) == NOW
    for verb, at in [("pay", NOW + rules.SKEW + timedelta(microseconds=1)), ("pay", rules.NOT_BEFORE - timedelta(microseconds=1))]:
        with pytest.raises(Invalid):
            rules.decide_instant(verb, at, now=NOW)
    for verb in ("refund", "return", "complete", "cancel"):
        with pytest.raises(Invalid):
            rules.decide_instant(verb, NOW, now=NOW, placed_at=later)


def test_a_number_is_made_of_the_day_and_the_id() -> None:
    order_id = UUID("01a20212-3a5c-770d-84d9-be6a25a8f533")
    assert rules.order_number(order_id, date(2026, 3, 2)) == "260302-9PDYD8-JTHX9K"


@given(st.sets(st.integers(0, 2**60 - 1), min_size=2, max_size=50))
def test_ids_that_differ_in_their_last_60_bits_have_different_numbers(ids: set[int]) -> None:
    """Law: of one day, a number says all of the last 60 bits of its id."""
    assert len({rules.order_number(UUID(int=bits), date(2026, 3, 2)) for bits in ids}) == len(ids)


def write(**fields: Any) -> OrderLineWrite:
    return OrderLineWrite(**fields)


@pytest.mark.parametrize(
    ("line", "price"),
    [
        ({"quantity": 3, "unit_price_minor": 500}, (500, 0, 1500)),
        ({"quantity": 3, "unit_price_minor": 500, "discount_minor": 100, "tax_minor": 20}, (500, 100, 1420)),
        ({"quantity": 3, "unit_price_minor": 500, "amount_minor": 1500}, (500, 0, 1500)),
        ({"quantity": 2, "amount_minor": 2933}, (1467, 1, 2933)),
        ({"quantity": 2, "amount_minor": 2933, "tax_minor": 33, "discount_minor": 50}, (1475, 50, 2933)),
        ({"quantity": 7, "amount_minor": 0}, (0, 0, 0)),
        ({"amount_minor": 2**53}, (2**53, 0, 2**53)),
        ({"unit_price_minor": 0, "tax_minor": 5}, (0, 0, 5)),
    ],
)
def test_a_line_is_priced_from_what_is_known_of_it(line: dict[str, int], price: tuple[int, int, int]) -> None:
    found = price_line(write(**line), pointer="")
    assert (found.unit_price_minor, found.discount_minor, found.amount_minor) == price


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ({}, "missing"),
        ({"quantity": 3, "unit_price_minor": 500, "amount_minor": 1501}, "amount_differs"),
        ({"unit_price_minor": 500, "discount_minor": 501, "tax_minor": 10}, "negative_amount"),
        ({"amount_minor": 5, "tax_minor": 6}, "negative_amount"),
        ({"amount_minor": 5, "tax_minor": 6, "discount_minor": 3}, "negative_amount"),
        ({"quantity": 2, "unit_price_minor": 2**53}, "amount_out_of_range"),
        ({"quantity": 2, "unit_price_minor": 2**53, "discount_minor": 2**53}, "amount_out_of_range"),
        ({"unit_price_minor": 2**53, "tax_minor": 1}, "amount_out_of_range"),
    ],
)
def test_a_line_whose_price_cannot_be_is_refused(line: dict[str, int], code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        price_line(write(**line), pointer="/lines/0")
    assert refusal.value.errors[0].code == code
    assert refusal.value.errors[0].pointer == "/lines/0/amount_minor"


minor = st.integers(0, 10**6)


@given(st.integers(1, 1000), st.none() | minor, minor, minor, st.none() | minor)
def test_a_priced_line_adds_up(quantity: int, unit_price: int | None, discount: int, tax: int, amount: int | None) -> None:
    """Law: where a line has a price, amount = quantity × unit price − discount + tax exactly, nothing of it is negative, and what was
    given stands (the discount may grow by the rounding of a unit price that was not given, by less than the quantity)."""
    line = write(quantity=quantity, unit_price_minor=unit_price, discount_minor=discount, tax_minor=tax, amount_minor=amount)
    try:
        price = price_line(line, pointer="")
    except Invalid:
        return
    assert price.amount_minor == quantity * price.unit_price_minor - price.discount_minor + tax
    assert min(price.unit_price_minor, price.discount_minor, price.amount_minor - tax) >= 0
    assert amount in (None, price.amount_minor)
    assert unit_price in (None, price.unit_price_minor)
    assert 0 <= price.discount_minor - discount < (quantity if unit_price is None else 1)


def test_an_order_adds_up_and_has_a_margin_where_every_cost_is_known() -> None:
    lines = price_lines([write(quantity=3, unit_price_minor=500, tax_minor=60, unit_cost_minor=200), write(amount_minor=40)], 1600)
    assert [line["line_no"] for line in lines] == [1, 2]
    assert sum_lines(lines) == (1600, None)
    lines[1]["unit_cost_minor"] = 50
    assert sum_lines(lines) == (1600, 1600 - 60 - 3 * 200 - 50)


@pytest.mark.parametrize(
    ("lines", "total", "code"),
    [
        ([{"amount_minor": 5}, {"amount_minor": 5}], 11, "amount_differs"),
        ([{"amount_minor": 5, "line_no": 2}, {"amount_minor": 5}], None, "line_twice"),
        ([{"amount_minor": 2**53}, {"amount_minor": 1}], None, "amount_out_of_range"),
        ([{"amount_minor": 1, "quantity": 2, "unit_cost_minor": 2**53}], None, "amount_out_of_range"),
    ],
)
def test_an_order_that_does_not_add_up_is_refused(lines: list[dict[str, int]], total: int | None, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        sum_lines(price_lines([write(**line) for line in lines], total))
    assert refusal.value.errors[0].code == code


def test_an_order_whose_events_would_be_too_large_is_refused_at_its_birth() -> None:
    line = price_lines([write(amount_minor=1, sku="s" * 120, category="c" * 200, description="d" * 1000)], None)[0]
    counters = {"fulfilled_quantity": 0, "returned_quantity": 0}
    rules.check_fits_events([{**line, **counters}] * 300, beside=[])
    with pytest.raises(TooLarge) as refusal:
        rules.check_fits_events([{**line, **counters}] * 500, beside=[])
    assert refusal.value.code == "event_too_large"
