"""The four files of a sales team's opportunities: what their rows say, what is odd about them, and which rows are refused. Pure."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pipeline_svc.imports.layout import fields_of
from pipeline_svc.imports.lines import Line, split_lines
from pipeline_svc.imports.rows import Rejection, RowRefused, amount_of, quoted, text_of

PIPELINE_FILE, ACCOUNTS_FILE, PRODUCTS_FILE = "sales_pipeline.csv", "accounts.csv", "products.csv"
COLUMNS = ("opportunity_id", "sales_agent", "product", "account", "deal_stage", "engage_date", "close_date", "close_value")
DATE_FORMAT = "%m/%d/%Y"
NOON = time(12)
Stage = Literal["prospecting", "engaging", "won", "lost"]
STAGES: tuple[Stage, ...] = ("prospecting", "engaging", "won", "lost")
SPELLINGS = {"technolgy": "technology"}
COUNTRIES = {
    "belgium": "BE",
    "brazil": "BR",
    "china": "CN",
    "germany": "DE",
    "italy": "IT",
    "japan": "JP",
    "jordan": "JO",
    "kenya": "KE",
    "korea": "KR",
    "norway": "NO",
    "panama": "PA",
    "philipines": "PH",
    "poland": "PL",
    "romania": "RO",
    "united states": "US",
}
ODDITIES = {
    "no_account": "no account: an opportunity without a customer",
    "product_spelled": "product spelled otherwise than in the catalogue (blanks, case): the same product",
    "no_engage_date": "no engage date: opened on the last day of the file",
    "lost_without_reason": "lost, and the file knows no reason: 'not stated'",
    "lost_at_zero": "lost with the value 0: the amount is the product's list price",
    "account_spelled": "sector or country of an account misspelled: corrected",
    "account_with_parent": "account that is a subsidiary: the tie is not loaded",
}


class FilesUnclear(ValueError):
    """A file is missing, or does not say what it should."""


class Deal(NamedTuple):
    """An accepted row: an opportunity, with the instants at which it was opened, moved and closed."""

    line: Line
    key: str
    agent: str
    product: str
    product_name: str
    account: str
    stage: Stage
    opened_at: str
    closed_at: str
    amount_minor: int


class Product(NamedTuple):
    """A product of the catalogue by its list price."""

    name: str
    line: str
    price_minor: int


class Account(NamedTuple):
    """A company; `industry` and `country` are empty where the file names none that we know."""

    name: str
    industry: str
    country: str


@dataclass
class Sales:
    """All that the files say."""

    products: dict[str, Product] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    deals: list[Deal] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    oddities: Counter[str] = field(default_factory=Counter)

    @property
    def agents(self) -> list[str]:
        """Who has an opportunity, in the order of the file."""
        return list(dict.fromkeys(deal.agent for deal in self.deals))

    @property
    def customers(self) -> list[Account]:
        """The accounts that have an opportunity; one that its file does not know is known by its name alone."""
        names = dict.fromkeys(deal.account for deal in self.deals if deal.account)
        return [self.accounts.get(name, Account(name, "", "")) for name in names]


def read_sales(folder: Path, *, currency: str, zone: ZoneInfo) -> Sales:
    """What the files in `folder` say; dates are noon in `zone`. Raises FilesUnclear, OSError."""
    sales = Sales()
    for row in _table(folder / PRODUCTS_FILE, ("product", "series", "sales_price")):
        sales.products[product_key(row["product"])] = Product(row["product"], row["series"], _price(row["sales_price"], currency))
    for row in _table(folder / ACCOUNTS_FILE, ("account", "sector", "office_location", "subsidiary_of")):
        sales.accounts[row["account"]] = _account(row, sales.oddities)
    with (folder / PIPELINE_FILE).open("rb") as source:
        lines = [line for line in split_lines(iter(lambda: source.read(256 * 1024), b"")) if line.raw.strip() or line.fault]
    if not lines or tuple(fields_of(lines[0].raw.decode(errors="replace"), ",")) != COLUMNS:
        raise FilesUnclear(f"{PIPELINE_FILE} begins with the columns {','.join(COLUMNS)}")
    _read_deals(lines[1:], sales, currency=currency, zone=zone)
    return sales


def product_key(name: str) -> str:
    """What two spellings of a product have in common: `GTXPro` and `GTX Pro` are one."""
    return "".join(name.split()).casefold()


def _read_deals(lines: Sequence[Line], sales: Sales, *, currency: str, zone: ZoneInfo) -> None:
    rows: list[tuple[Line, dict[str, Any]]] = []
    keys: set[str] = set()
    for line in lines:
        try:
            row = _parsed(line, sales.products, currency)
            if row["opportunity_id"] in keys:
                raise RowRefused("key_twice", f"the opportunity {quoted(row['opportunity_id'])} stands in a line above")
            keys.add(row["opportunity_id"])
            rows.append((line, row))
        except RowRefused as refused:
            sales.rejections.append(Rejection(line, refused.code, str(refused)))
    days = [day for _, row in rows for day in (row["engaged_on"], row["closed_on"]) if day is not None]
    last_day = max(days, default=date(1970, 1, 1))
    for line, row in rows:
        sales.deals.append(_deal(line, row, sales.products[row["product_key"]], last_day=last_day, zone=zone))
        sales.oddities.update(_odd(row, sales.products[row["product_key"]]))


def _parsed(line: Line, products: dict[str, Product], currency: str) -> dict[str, Any]:
    fields = fields_of(text_of(line), ",")
    if len(fields) != len(COLUMNS):
        raise RowRefused("columns", f"{len(fields)} columns were found where there are {len(COLUMNS)}")
    row: dict[str, Any] = dict(zip(COLUMNS, fields, strict=True))
    row |= {"stage": row["deal_stage"].casefold(), "product_key": product_key(row["product"])}
    row |= {"engaged_on": _day(row["engage_date"]), "closed_on": _day(row["close_date"])}
    row["value_minor"] = amount_of(row["close_value"], currency) if row["close_value"] else None
    for name in ("opportunity_id", "sales_agent"):
        if not row[name]:
            raise RowRefused(name, f"the row names no {name}")
    if row["stage"] not in STAGES:
        raise RowRefused("stage", f"{quoted(row['deal_stage'])} is no stage; there are {', '.join(STAGES)}")
    if row["product_key"] not in products:
        raise RowRefused("product", f"{quoted(row['product'])} is not in {PRODUCTS_FILE}")
    _check_course(row)
    return row


def _check_course(row: dict[str, Any]) -> None:
    is_closed = row["stage"] in ("won", "lost")
    if is_closed != (row["closed_on"] is not None) or is_closed != (row["value_minor"] is not None):
        raise RowRefused("course", "exactly what is won or lost has a close date and a value")
    if is_closed and (row["engaged_on"] is None or row["closed_on"] < row["engaged_on"]):
        raise RowRefused("course", "it was closed before it was engaged")


def _deal(line: Line, row: dict[str, Any], product: Product, *, last_day: date, zone: ZoneInfo) -> Deal:
    return Deal(
        line=line,
        key=row["opportunity_id"],
        agent=row["sales_agent"],
        product=row["product_key"],
        product_name=product.name,
        account=row["account"],
        stage=row["stage"],
        opened_at=_noon(row["engaged_on"] or last_day, zone),
        closed_at=_noon(row["closed_on"], zone) if row["closed_on"] else "",
        amount_minor=row["value_minor"] if row["stage"] == "won" else product.price_minor,
    )


def _odd(row: dict[str, Any], product: Product) -> list[str]:
    found = {
        "no_account": not row["account"],
        "product_spelled": row["product"] != product.name,
        "no_engage_date": row["engaged_on"] is None,
        "lost_without_reason": row["stage"] == "lost",
        "lost_at_zero": row["stage"] == "lost" and row["value_minor"] == 0,
    }
    return [name for name, is_so in found.items() if is_so]


def _account(row: dict[str, str], oddities: Counter[str]) -> Account:
    place = row["office_location"].casefold()
    oddities["account_spelled"] += (row["sector"] in SPELLINGS) + (place == "philipines")
    oddities["account_with_parent"] += bool(row["subsidiary_of"])
    return Account(row["account"], SPELLINGS.get(row["sector"], row["sector"]), COUNTRIES.get(place, ""))


def _table(path: Path, needed: Iterable[str]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as source:
            reader = csv.DictReader(source, restval="")
            rows = [{name: value.strip() for name, value in row.items() if name} for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FilesUnclear(f"{path.name} cannot be read: {error}") from None
    missing = [name for name in needed if name not in (reader.fieldnames or ())]
    if missing:
        raise FilesUnclear(f"{path.name} has no column {missing[0]!r}")
    return rows


def _price(text: str, currency: str) -> int:
    try:
        return amount_of(text, currency)
    except RowRefused as refused:
        raise FilesUnclear(f"{PRODUCTS_FILE}: {refused}") from None


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, DATE_FORMAT).date()  # noqa: DTZ007 (a day has no zone)
    except ValueError:
        raise RowRefused("date", f"{quoted(text)} is no date of the form mm/dd/yyyy") from None


def _noon(day: date, zone: ZoneInfo) -> str:
    return datetime.combine(day, NOON, zone).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
