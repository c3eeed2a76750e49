"""The short way from an order's event to its fact gives what the long way gives, whatever stands in the event."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from analytics_svc.rebuilds.facts import COLUMNS, long_way, row_of
from analytics_svc.rebuilds.orders import order_event
from services.identifiers import new_id
from tests.analytics.history.made import FIRST_DAY
from tests.analytics.history.test_questions import a_company
from tests.analytics.make import Order, events_of

TENANT = UUID(int=7)
ODD = (None, "", "x", 0, -1, 1.0, 2.5, 2**31, True, [], {}, [1], "2026-03-01T12:00:00", "2026-03-01T12:00:00+02:00", "2026-02-30")


def given(event: str, parked: set[Any]) -> list[Any]:
    """The row of both ways, or what each raises; attributes as values."""
    found: list[Any] = []
    for way in (row_of, long_way):
        try:
            row = way(event, parked)
        except Exception as error:  # the worst that may happen: what the long way raises, the short one does too
            found.append(type(error))
        else:
            found.append(row and {**dict(zip(COLUMNS, row, strict=True)), "attributes": orjson.loads(row[-1])})
    return found


def test_every_order_event_takes_the_short_way() -> None:
    for message in events_of(a_company(TENANT, count=60)):
        short, long = given(message.event, set())
        assert order_event(message.event) is not None
        assert short == long
        assert short["tenant_id"] == TENANT


@pytest.mark.parametrize("place", ["", "data", "data.state"])
def test_an_event_that_is_odd_in_one_place_gives_what_the_long_way_gives(place: str) -> None:
    """Each field of the envelope, of the data and of the state in turn is missing or holds what it should not."""
    message = Order(TENANT, new_id()).place(FIRST_DAY).refund(FIRST_DAY, 10).events[1].event
    whole = orjson.loads(message)
    fields = whole
    for name in filter(None, place.split(".")):
        fields = fields[name]
    for name, usual in list(fields.items()):
        del fields[name]
        short, long = given(orjson.dumps(whole).decode(), set())
        assert short == long, f"without {name}"
        for odd in ODD:
            fields[name] = odd
            short, long = given(orjson.dumps(whole).decode(), set())
            assert short == long, f"{name} is {odd!r}"
        fields[name] = usual


def test_a_parked_event_and_an_event_of_another_zone_are_known_on_both_ways() -> None:
    order = Order(TENANT, new_id()).place(FIRST_DAY)
    event = order.events[0].event
    assert given(event, {(TENANT, f"order/{order.id}", 1)}) == [None, None]
    assert given(event, {(TENANT, f"order/{order.id}", 2)})[0] is not None
    moved = event.replace("2025-11-03T12:00:00Z", "2025-11-03T14:00:00+02:00")
    short, long = given(moved, set())
    assert moved != event
    assert short == long
    assert short["occurred_at"] == datetime(2025, 11, 3, 12, tzinfo=UTC)
