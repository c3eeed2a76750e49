"""What the files of a sales team say. (The real files and the API: tests/journeys/test_sales_imports.py.)"""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline_svc.imports.sales_files import COLUMNS, Account, FilesUnclear, Product, Sales, product_key, read_sales
from pipeline_svc.imports.sales_setting import address_of

HEADER = ",".join(COLUMNS)


def write(folder: Path, *rows: str, products: str = "", accounts: str = "") -> Path:
    """The files, with these rows of opportunities."""
    (folder / "products.csv").write_text(products or "product,series,sales_price\nGTX Pro,GTX,4821\nMG Special,,0.50\n")
    (folder / "accounts.csv").write_text(
        accounts or "account,sector,office_location,subsidiary_of\nIsdom,technolgy,Philipines,\nKonex,retail,Atlantis,Isdom\n"
    )
    (folder / "sales_pipeline.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return folder


def read(folder: Path, *, tz: str = "UTC") -> Sales:
    return read_sales(folder, currency="USD", zone=ZoneInfo(tz))


def test_a_row_is_an_opportunity_at_its_dates_in_the_zone_of_the_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        "A1,Ann Ray,GTXPro,Isdom,Won,3/11/2017,3/13/2017,4514.5",
        "A2,Bo Li,mg special,,Lost,3/11/2017,3/11/2017,0",
        "A3,Ann Ray,GTX Pro,Nobody Known,Engaging,1/2/2017,,",
        "A4,Ann Ray,GTX Pro,,Prospecting,,,",
    )
    sales = read(tmp_path, tz="America/New_York")
    assert [deal[1:] for deal in sales.deals] == [
        ("A1", "Ann Ray", "gtxpro", "GTX Pro", "Isdom", "won", "2017-03-11T17:00:00Z", "2017-03-13T16:00:00Z", 451_450),
        ("A2", "Bo Li", "mgspecial", "MG Special", "", "lost", "2017-03-11T17:00:00Z", "2017-03-11T17:00:00Z", 50),
        ("A3", "Ann Ray", "gtxpro", "GTX Pro", "Nobody Known", "engaging", "2017-01-02T17:00:00Z", "", 482_100),
        ("A4", "Ann Ray", "gtxpro", "GTX Pro", "", "prospecting", "2017-03-13T16:00:00Z", "", 482_100),
    ]
    assert sales.agents == ["Ann Ray", "Bo Li"]
    assert sales.customers == [Account("Isdom", "technology", "PH"), Account("Nobody Known", "", "")]
    assert sales.products == {"gtxpro": Product("GTX Pro", "GTX", 482_100), "mgspecial": Product("MG Special", "", 50)}
    assert sales.rejections == []
    assert dict(sales.oddities) == {
        "account_spelled": 2,
        "account_with_parent": 1,
        "product_spelled": 2,
        "no_account": 2,
        "lost_without_reason": 1,
        "lost_at_zero": 1,
        "no_engage_date": 1,
    }


@pytest.mark.parametrize(("one", "other"), [("GTXPro", "GTX Pro"), ("gtx  pro", "GTX Pro"), ("GTX\tPro", "gtxPRO")])
def test_blanks_and_case_make_no_other_product(one: str, other: str) -> None:
    assert product_key(one) == product_key(other)


def test_other_letters_make_another_product() -> None:
    assert product_key("GTX Pro") != product_key("GTX Plus Pro")


@pytest.mark.parametrize(
    ("agent", "label", "address"),
    [
        ("Moses Frase", "crm_sales", "moses.frase@crm-sales.example.com"),
        ("Mei-Mei Johns", "x/y", "mei.mei.johns@x-y.example.com"),
        ("Łukasz Müller", "2017", "ukasz.muller@2017.example.com"),
        ("李", "a", "x@a.example.com"),
    ],
)
def test_an_agent_has_an_address_that_reaches_nobody(agent: str, label: str, address: str) -> None:
    assert address_of(agent, label) == address


def test_files_that_do_not_say_what_they_should_are_refused_whole(tmp_path: Path) -> None:
    with pytest.raises(FilesUnclear, match=r"products\.csv has no column 'sales_price'"):
        read(write(tmp_path, products="product,series\nA,B\n"))
    with pytest.raises(FilesUnclear, match=r"products\.csv: "):
        read(write(tmp_path, products="product,series,sales_price\nA,B,1.234\n"))
    write(tmp_path)
    (tmp_path / "sales_pipeline.csv").write_text("id,agent\n")
    with pytest.raises(FilesUnclear, match=r"sales_pipeline\.csv begins with the columns opportunity_id,"):
        read(tmp_path)
    (tmp_path / "accounts.csv").write_bytes(b"account\n\xff\n")
    with pytest.raises(FilesUnclear, match=r"accounts\.csv cannot be read"):
        read(tmp_path)
