"""`mitra value top`: a table of the API's own answer. (The command against a running Mitra: tests/journeys/test_demo.py.)"""

import io

from rich.console import Console
from typer.testing import CliRunner

from analytics_svc.customers.command import table_of, value


def shown(customers: list[dict[str, object]]) -> list[list[str]]:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(table_of(customers))
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in console.export_text().splitlines() if line.startswith("│")]


def customer(**fields: object) -> dict[str, object]:
    usual: dict[str, object] = {
        "contact_id": "01a20267-4499-7633-96e1-ee68c357ff45",
        "currency": "KWD",
        "orders": 1234,
        "revenue_to_date_minor": 1234567,
        "expected_purchases": 9.514,
        "p_alive": 0.8806,
        "lifetime_value_minor": 5502,
    }
    return usual | fields


def test_amounts_have_the_digits_of_their_currency_and_what_is_not_known_is_a_dash() -> None:
    unknown = customer(currency="JPY", expected_purchases=None, p_alive=None, lifetime_value_minor=None)
    contact = "01a20267-4499-7633-96e1-ee68c357ff45"
    assert shown([customer(), unknown]) == [
        [contact, "1,234", "1234.567 KWD", "9.51", "0.881", "5.502 KWD"],
        [contact, "1,234", "1234567 JPY", "–", "–", "–"],
    ]


def test_a_door_that_is_shut_is_said_in_one_line() -> None:
    done = CliRunner().invoke(value, ["top", "--url", "http://127.0.0.1:9", "--key", "k"])
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("There is no answer: ")
