"""The demo company, worked out from a seed: customers who buy and stop as BG/NBD says, up to the day before `today`.

Pure: the same arguments give the same company, so that a load which broke off is finished rather than repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np

from gateway.demo.catalogue import (
    CHANNELS,
    COMPANY_ENDS,
    COUNTRIES,
    FAMILY_ENDS,
    FAMILY_STARTS,
    GIVEN_ENDS,
    GIVEN_STARTS,
    INDUSTRIES,
    PRODUCTS,
    Product,
)

CUSTOMERS = 2_000
DAYS = 730
SEED = 20_260_301
TIME_ZONE, CURRENCY = "Europe/Berlin", "EUR"
PURCHASES_R, PURCHASES_ALPHA_WEEKS = 0.8, 9.0
"""Gamma distribution of the purchase rates, per week."""
DROPOUT_A, DROPOUT_B = 0.9, 3.2
"""Beta distribution of the chance to be gone after a purchase."""
ORGANIZATION_SHARE, REFUND_SHARE, CANCEL_SHARE = 0.12, 0.025, 0.01
UNDER_WAY_DAYS = 3
"""Orders younger than this have not been delivered yet."""

Ending = Literal["kept", "partly_refunded", "returned", "cancelled"]


@dataclass(frozen=True)
class DemoContact:
    """A contact: its external id and what POST /v1/contacts takes."""

    key: str
    data: dict[str, Any]


@dataclass(frozen=True)
class DemoOrder:
    """An order: its external id, its buyer's, what POST /v1/orders takes but `contact_id`, and how it ends (`at`, RFC 3339)."""

    key: str
    contact_key: str
    data: dict[str, Any]
    ending: Ending = "kept"
    at: str = ""
    refund_minor: int = 0


@dataclass(frozen=True)
class DemoCompany:
    """Everything that is loaded."""

    contacts: list[DemoContact] = field(default_factory=list)
    orders: list[DemoOrder] = field(default_factory=list)


def invent_company(today: date, *, customers: int = CUSTOMERS, seed: int = SEED) -> DemoCompany:
    """The company as it stands on the morning of `today`."""
    company = DemoCompany()
    for number in range(customers):
        dice = np.random.default_rng((seed, number))
        is_organization = dice.random() < ORGANIZATION_SHARE
        contact = DemoContact(f"C{number + 1:05}", _organization(dice, number) if is_organization else _person(dice, number))
        company.contacts.append(contact)
        taste = _Taste(int(dice.integers(1, 4)), str(dice.choice(sorted({product.category for product in PRODUCTS}))), is_organization)
        for place, day in enumerate(_purchase_days(dice, today), 1):
            company.orders.append(_order(dice, f"{contact.key}-{place}", contact.key, day=day, today=today, taste=taste))
    company.orders.sort(key=lambda order: (order.data["placed_at"], order.key))
    return company


@dataclass(frozen=True)
class _Taste:
    tier: int
    category: str
    buys_in_bulk: bool


def _purchase_days(dice: np.random.Generator, today: date) -> list[date]:
    """Days of purchase, each at most once: a first one at any time, then at the customer's rate until the customer is gone."""
    rate = dice.gamma(PURCHASES_R, 1 / PURCHASES_ALPHA_WEEKS)
    dropout = dice.beta(DROPOUT_A, DROPOUT_B)
    at = float(dice.uniform(0, DAYS))
    offsets = {int(at)}
    while dice.random() >= dropout:
        at += 7 * dice.exponential(1 / rate)
        if at >= DAYS:
            break
        offsets.add(int(at))
    return [today - timedelta(days=DAYS - offset) for offset in sorted(offsets)]


def _order(dice: np.random.Generator, key: str, contact_key: str, *, day: date, today: date, taste: _Taste) -> DemoOrder:
    minute = int(dice.integers(8 * 60, 20 * 60))
    placed_at = datetime.combine(day, time(minute // 60, minute % 60), ZoneInfo(TIME_ZONE)).astimezone(UTC)
    lines = _lines(dice, taste)
    total = sum(line["amount_minor"] for line in lines)
    ending, refund = _ending(dice, total, is_old=day < today - timedelta(days=UNDER_WAY_DAYS + 2))
    delivered = day < today - timedelta(days=UNDER_WAY_DAYS) and ending != "cancelled"
    data = {
        "currency": CURRENCY,
        "status": "placed",
        "placed_at": _text(placed_at),
        "paid": ending != "cancelled",
        "fulfilled": delivered,
        "channel": str(dice.choice(CHANNELS)),
        "lines": lines,
    }
    return DemoOrder(key, contact_key, data, ending, _text(placed_at + timedelta(days=2)), refund)


def _ending(dice: np.random.Generator, total_minor: int, *, is_old: bool) -> tuple[Ending, int]:
    lot = dice.random()
    if not is_old or lot > REFUND_SHARE + CANCEL_SHARE:
        return "kept", 0
    if lot < CANCEL_SHARE:
        return "cancelled", 0
    return ("returned", total_minor) if lot < CANCEL_SHARE + REFUND_SHARE / 2 else ("partly_refunded", max(1, total_minor // 4))


def _lines(dice: np.random.Generator, taste: _Taste) -> list[dict[str, Any]]:
    liked = [product for product in PRODUCTS if product.category == taste.category or product.tier == taste.tier]
    chosen = dice.choice(len(liked), size=min(len(liked), 1 + int(dice.poisson(0.5))), replace=False)
    return [_line(dice, liked[int(place)], taste) for place in chosen]


def _line(dice: np.random.Generator, product: Product, taste: _Taste) -> dict[str, Any]:
    quantity = 1 + int(dice.poisson(4.0 if taste.buys_in_bulk else 0.3))
    discount_share = float(dice.choice((0.0, 0.0, 0.0, 0.05, 0.1)))
    discount = round(quantity * product.price_minor * discount_share)
    return {
        "sku": product.sku,
        "description": product.name,
        "category": product.category,
        "product_line": product.product_line,
        "tier": product.tier,
        "quantity": quantity,
        "unit_price_minor": product.price_minor,
        "discount_minor": discount,
        "amount_minor": quantity * product.price_minor - discount,
        "unit_cost_minor": product.unit_cost_minor,
    }


def _person(dice: np.random.Generator, number: int) -> dict[str, Any]:
    given = _pick(dice, GIVEN_STARTS) + _pick(dice, GIVEN_ENDS)
    family = _pick(dice, FAMILY_STARTS) + _pick(dice, FAMILY_ENDS)
    country, language = COUNTRIES[int(dice.integers(len(COUNTRIES)))]
    return {
        "kind": "person",
        "given_name": given,
        "family_name": family,
        "emails": [{"address": f"{given}.{family}.{number + 1}@example.com".lower(), "primary": True}],
        "country": country,
        "language": language,
        "origin": {"source": "demo"},
    }


def _organization(dice: np.random.Generator, number: int) -> dict[str, Any]:
    place = int(dice.integers(len(COMPANY_ENDS)))
    name = f"{_pick(dice, FAMILY_STARTS)}{_pick(dice, FAMILY_ENDS)} {COMPANY_ENDS[place]}"
    country, language = COUNTRIES[int(dice.integers(len(COUNTRIES)))]
    return {
        "kind": "organization",
        "display_name": name,
        "legal_name": f"{name} Ltd",
        "emails": [{"address": f"office.{number + 1}@example.com", "primary": True}],
        "country": country,
        "language": language,
        "industry": INDUSTRIES[place],
        "origin": {"source": "demo"},
    }


def _pick(dice: np.random.Generator, words: Sequence[str]) -> str:
    return words[int(dice.integers(len(words)))]


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
