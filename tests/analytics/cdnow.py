"""The CDNOW purchase log (Fader & Hardie), read where it lies beside the repository."""

import os
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from services.identifiers import new_id
from tests.analytics.make import Order

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "cdnow"


def sample_orders(tenant_id: UUID) -> list[Order]:
    """An order for each of the 6,919 lines of the 1/10 sample, a contact for each of its 2,357 customers."""
    return orders_of(tenant_id, "CDNOW_sample.txt")


def full_orders(tenant_id: UUID) -> list[Order]:
    """An order for each of the 69,659 lines of the full log, a contact for each of its 23,570 customers."""
    return orders_of(tenant_id, "CDNOW_master.txt")


def orders_of(tenant_id: UUID, name: str) -> list[Order]:
    """The orders of a log. Skips the test where the data set is missing, but not in continuous integration."""
    path = FOLDER / name
    if not path.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{path} is missing")
        pytest.skip(f"NOT CHECKED: {path} is missing")
    contacts: dict[str, UUID] = {}
    orders = []
    for line in path.read_text().splitlines():
        *_, customer, day, _, amount = line.split()
        if not customer.isdigit():
            continue  # the heading
        contact_id = contacts.setdefault(customer, new_id())
        on = datetime.strptime(day, "%Y%m%d").date()  # noqa: DTZ007 - a business day
        orders.append(Order(tenant_id, contact_id).place(on, int(Decimal(amount) * 100)))
    return orders
