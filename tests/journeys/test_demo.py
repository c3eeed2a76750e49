"""The first start loads a demo company, whatever interrupts it; later starts find it there."""

import signal
from datetime import date
from pathlib import Path

import httpx
import orjson
import pytest

from gateway.demo.generation import DemoCompany, invent_company
from tests.journeys.company import Company, fresh_folder, launch, started, wait_until


def counted(company: Company, key: str) -> tuple[int, int]:
    """How many contacts and how many orders there are."""
    found = []
    with company.client(key) as client:
        for path in ("/v1/contacts", "/v1/orders"):
            seen, cursor = 0, ""
            while cursor is not None:
                page = client.get(path, params={"page_size": 200, **({"cursor": cursor} if cursor else {})}).raise_for_status().json()
                seen, cursor = seen + len(page["items"]), page["next_cursor"]
            found.append(seen)
    return found[0], found[1]


def expected(folder: Path) -> DemoCompany:
    """The company of the day that was noted."""
    return invent_company(date.fromisoformat(orjson.loads((folder / ".mitra" / "demo.json").read_bytes())["day"]))


def has_orders(company: Company) -> bool:
    key = company.folder / ".mitra" / "demo.key"
    if not key.exists():
        return False
    try:
        with company.client(key.read_text().strip()) as client:
            return bool(client.get("/v1/orders", params={"page_size": 1}).json().get("items"))
    except httpx.TransportError:
        return False


@pytest.mark.timeout(600)
def test_a_first_start_that_is_killed_twice_is_finished_by_the_third() -> None:
    with fresh_folder() as folder:
        for end in (signal.SIGKILL, signal.SIGTERM):
            company = launch(folder, demo=True)
            wait_until(lambda company=company: has_orders(company), seconds=120, otherwise=company.printed)  # type: ignore[misc]
            company.process.send_signal(end)
            assert company.process.wait(30) == (0 if end == signal.SIGTERM else -end)
            assert "is open to the key" not in company.printed()
        with started(folder, demo=True) as company:
            key = (folder / ".mitra" / "demo.key").read_text().strip()
            assert key in company.printed()
            wanted = expected(folder)
            assert counted(company, key) == (len(wanted.contacts), len(wanted.orders))
            with company.client(key) as client:
                tops = client.get("/v1/orders", params={"filter": 'status = "cancelled"', "page_size": 200}).json()["items"]
                assert len(tops) == sum(order.ending == "cancelled" for order in wanted.orders)
                partly = client.get("/v1/orders", params={"filter": 'payment_status = "partly_refunded"', "page_size": 200}).json()["items"]
                assert len(partly) == sum(order.ending == "partly_refunded" for order in wanted.orders)
            wait_until(lambda: company.run("value", "top", "--limit", "3").stdout.count(" EUR") == 6, seconds=60)
            assert company.run("demo", "load").returncode == 0
            assert counted(company, key) == (len(wanted.contacts), len(wanted.orders))
        with started(folder, demo=True) as company:
            assert key in company.printed()
            assert "Loading the demo company" not in company.printed()
