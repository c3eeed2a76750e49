"""`mitra value`: what customers are worth, as the HTTP API answers it."""

import asyncio
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from services.client import Key, Url, api_client
from services.money import to_text

value = typer.Typer(help="Customer value.", no_args_is_help=True)
console = Console()

Limit = Annotated[int, typer.Option(min=1, max=200, help="how many customers")]


@value.callback()
def _group() -> None:
    """Customer value."""


@value.command()
def top(limit: Limit = 20, url: Url = "", key: Key = "") -> None:
    """List the customers whose future is worth most: expected margin over the next year, beside what they have brought."""
    try:
        customers = asyncio.run(_top(limit, url, key))
    except httpx.HTTPError as error:
        typer.echo(f"There is no answer: {error}", err=True)
        raise typer.Exit(1) from None
    console.print(table_of(customers))
    if any(customer["value_model_id"] is None for customer in customers):
        console.print("A dash stands where no model has been fitted yet: one is, once a hundred customers have bought on two days.")


async def _top(limit: int, url: str, key: str) -> list[dict[str, Any]]:
    async with api_client(url, key) as client:
        answer = await client.get("/v1/customers", params={"order_by": "-lifetime_value_minor", "page_size": limit})
    customers: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
    return customers


def table_of(customers: list[dict[str, Any]]) -> Table:
    """Customers as a table, in the order given."""
    table = Table()
    for title in ("contact", "orders", "revenue", "expected purchases", "P(alive)", "lifetime value"):
        table.add_column(title, justify="left" if title == "contact" else "right", no_wrap=True)
    for each in customers:
        table.add_row(
            each["contact_id"],
            f"{each['orders']:,}",
            _money(each["revenue_to_date_minor"], each["currency"]),
            _number(each["expected_purchases"], 2),
            _number(each["p_alive"], 3),
            _money(each["lifetime_value_minor"], each["currency"]),
        )
    return table


def _money(minor: int | None, currency: str) -> str:
    return "–" if minor is None else f"{to_text(minor, currency)} {currency}"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
