"""`mitra import purchases`: wrong usage is said before anything is sent."""

import csv
import io
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from pipeline_svc.imports.command import imports
from pipeline_svc.imports.lines import Line
from pipeline_svc.imports.reporting import LONGEST_SHOWN, RejectedFile, table_of
from pipeline_svc.imports.rows import Rejection
from pipeline_svc.imports.sending import Counts

USUAL = (
    "--columns",
    "customer,date,amount",
    "--currency",
    "USD",
    "--tz",
    "UTC",
    "--label",
    "shop",
    "--url",
    "http://127.0.0.1:9",
    "--key",
    "k",
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_bytes(b"a,1999-01-01,1.00\n")
    return path


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (("--currency", "USX"), "is no currency code"),
        (("--tz", "Mars/Base"), "is no time zone"),
        (("--tz", "../etc/passwd"), "is no time zone"),
        (("--columns", "customer,date"), "no column is named"),
        (("--delimiter", "#"), "a delimiter is comma"),
        (("--label", "a b"), "a label is made of letters"),
        (("--batch", "501"), "--batch"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_sent(log: Path, more: tuple[str, ...], complaint: str) -> None:
    done = CliRunner().invoke(imports, ["purchases", str(log), *USUAL, *more], env={"TERMINAL_WIDTH": "200", "NO_COLOR": "1"})
    assert done.exit_code == 2
    assert complaint in done.output


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    done = CliRunner().invoke(imports, ["purchases", str(tmp_path / "none"), *USUAL], env={"TERMINAL_WIDTH": "200"})
    assert done.exit_code == 2
    assert "there is no file" in done.output


def test_rejected_rows_are_one_csv_row_each_whatever_they_hold(tmp_path: Path) -> None:
    path = tmp_path / "rejected.csv"
    raws = [b"=1+1", b"\xff\x00", b'a,"b', b"x" * (LONGEST_SHOWN + 1), "ä".encode()]
    with RejectedFile(path) as rejected:
        rejected.write([Rejection(Line(number, raw), "code", "-message") for number, raw in enumerate(raws, 1)])
    with path.open(newline="", encoding="utf-8") as source:
        header, *rows = csv.reader(source)
    assert header == ["line", "code", "message", "raw"]
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5"]
    assert {row[2] for row in rows} == {"'-message"}
    assert [row[3] for row in rows] == ["'=1+1", "\\xff\x00", 'a,"b', "x" * LONGEST_SHOWN, "ä"]


def test_where_nothing_was_refused_there_is_no_file_not_even_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "rejected.csv"
    path.write_text("of an earlier run")
    with RejectedFile(path):
        pass
    assert not path.exists()


def test_the_table_adds_up() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table_of(Counts(read=1000, new=600, known=300, rejected=100, header=True), seconds=2.0, rejected=Path("r.csv")))
    shown = console.export_text()
    for text in ("1,000", "900", "600 new, 300 known before", "100", "see r.csv", "500", "without the header line"):
        assert text in shown
