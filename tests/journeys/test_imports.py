"""A real purchase log goes in through the gateway: every row once, whatever happens on the way."""

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.journeys.company import ROOT, Company, environment, wait_until
from tests.journeys.streams import grow

CDNOW = ROOT.parent / "shared" / "data" / "cdnow"
STREAM_BYTES = 30_000_000
MOST_GROWTH_BYTES = 20_000_000
AS_MASTER = ("--columns", "customer,date,quantity,amount", "--currency", "USD", "--tz", "America/New_York")
TENTH = 6_966
SOME = 2_000


@pytest.fixture(scope="module")
def tenth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The header and the first tenth of the rows of the CDNOW log."""
    if not CDNOW.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{CDNOW} is missing")
        pytest.skip(f"{CDNOW} is missing: the journey of the real log was NOT run")
    path = tmp_path_factory.mktemp("cdnow") / "tenth.txt"
    with (CDNOW / "CDNOW_master.txt").open("rb") as source:
        path.write_bytes(b"".join(source.readline() for _ in range(TENTH + 1)))
    return path


@pytest.fixture
def some(tenth: Path, tmp_path: Path) -> Path:
    """The first rows of that, enough for twenty batches of a hundred."""
    path = tmp_path / "some.txt"
    path.write_text("".join(f"{line}\n" for line in tenth.read_text().splitlines()[: SOME + 1]))
    return path


def run_import(
    company: Company, file: Path | str, key: str, *more: str, label: str = "cdnow", **options: Any
) -> tuple[int, dict[str, Any]]:
    """Exit code and counts of an import."""
    done = company.run(
        "import", "purchases", str(file), *AS_MASTER, "--label", label, "--quiet", "--url", company.url, "--key", key, *more, **options
    )
    assert done.returncode in (0, 3), done.stderr
    counts = json.loads(done.stdout)
    assert counts["read"] == counts["accepted"] + counts["rejected"]
    assert counts["accepted"] == counts["new"] + counts["known"]
    return done.returncode, counts


def in_batches(company: Company, file: Path, key: str) -> list[str]:
    """The command of an import by hundreds, so that there is a middle in which to be killed."""
    usual = (*AS_MASTER, "--label", "cdnow", "--quiet", "--batch", "100")
    return company.command("import", "purchases", str(file), *usual, "--url", company.url, "--key", key)


def count(company: Company, path: str, key: str, **query: Any) -> int:
    """How many records a list has, page by page."""
    found, cursor = 0, None
    with company.client(key) as client:
        while True:
            page = client.get(path, params={"page_size": 200, **query, **({"cursor": cursor} if cursor else {})}).raise_for_status().json()
            found, cursor = found + len(page["items"]), page["next_cursor"]
            if cursor is None:
                return found


def test_the_log_goes_in_once_however_often_it_is_sent(company: Company, tenth: Path) -> None:
    key = company.found_tenant()
    code, counts = run_import(company, tenth, key)
    assert (code, counts["read"], counts["new"], counts["known"], counts["header"]) == (0, TENTH, TENTH, 0, True)
    assert not (company.folder / "rejected-cdnow.csv").exists()
    code, counts = run_import(company, tenth, key, "--batch", "137")
    assert (code, counts["read"], counts["new"], counts["known"]) == (0, TENTH, 0, TENTH)
    rows = [line.split() for line in tenth.read_text().splitlines()[1:]]
    assert count(company, "/v1/orders", key) == TENTH
    assert count(company, "/v1/contacts", key) == len({row[0] for row in rows})


def test_a_purchase_is_an_order_that_is_placed_paid_and_fulfilled(company: Company, tmp_path: Path) -> None:
    key = company.found_tenant()
    file = tmp_path / "log.txt"
    file.write_bytes(b" 00004 19970101  2   29.33\r\n 00004 19970201  1   0.00\r\n")
    assert run_import(company, file, key)[1]["new"] == 2
    with company.client(key) as client:
        first, free = sorted(client.get("/v1/orders").json()["items"], key=lambda order: order["placed_at"])
        contact = client.get(f"/v1/contacts/{first['contact_id']}").json()
    assert (first["placed_at"], first["placed_on"], first["total_minor"], first["currency"]) == (
        "1997-01-01T17:00:00Z",
        "1997-01-01",
        2933,
        "USD",
    )
    assert (first["status"], first["payment_status"], first["fulfilment_status"]) == ("placed", "paid", "fulfilled")
    (line,) = first["lines"]
    assert (line["quantity"], line["unit_price_minor"], line["discount_minor"], line["amount_minor"]) == (2, 1467, 1, 2933)
    assert (free["total_minor"], free["contact_id"]) == (0, first["contact_id"])
    assert (contact["kind"], contact["display_name"], contact["external_ids"]) == (
        "person",
        "Customer 00004",
        [{"source": "cdnow", "id": "00004"}],
    )


def test_what_people_changed_since_stays_when_the_log_is_sent_again(company: Company, tmp_path: Path) -> None:
    key = company.found_tenant()
    file = tmp_path / "log.txt"
    file.write_text("anna@example.com,1999-05-05,1,12.00\n")
    assert run_import(company, file, key)[1]["new"] == 1
    with company.client(key) as client:
        (order,) = client.get("/v1/orders").json()["items"]
        client.patch(f"/v1/contacts/{order['contact_id']}", json={"display_name": "Anna"}, headers={"If-Match": "*"}).raise_for_status()
        path = f"/v1/orders/{order['id']}"
        client.patch(path, json={"placed_at": "1999-05-07T15:00:00Z"}, headers={"If-Match": "1"}).raise_for_status()
        client.post(f"{path}/refund", json={"amount_minor": 500}).raise_for_status()
        assert run_import(company, file, key)[1]["known"] == 1
        contact = client.get(f"/v1/contacts/{order['contact_id']}").json()
        order = client.get(path).json()
    assert contact["display_name"] == "Anna"
    assert contact["external_ids"][0]["id"].startswith("h-")
    assert (order["placed_on"], order["refunded_minor"], order["payment_status"], order["version"]) == (
        "1999-05-07",
        500,
        "partly_refunded",
        3,
    )


def test_bad_rows_are_written_out_and_the_rest_goes_in(company: Company, tmp_path: Path) -> None:
    key = company.found_tenant()
    bad = [
        (b"2 19971301 1 1.00", "date"),
        (b"3 19970101 1 -1.00", "negative_amount"),
        (b"4 19970101 1 1.001", "too_many_digits"),
        (b"\xff 19970101 1 1.00", "encoding"),
        (b"=1+1 19970101 1", "columns"),
        (b"5 29970101 1 1.00", "invalid"),
    ]
    good = b"1 19970101 1 1.00\n"
    file = tmp_path / "log.txt"
    file.write_bytes(good + b"".join(row + b"\n" + good for row, _ in bad) + b"6 19970101 1 1.0")
    code, counts = run_import(company, file, key)
    assert (code, counts["read"], counts["new"], counts["rejected"]) == (3, 14, 7, 7)
    with (company.folder / "rejected-cdnow.csv").open(newline="") as source:
        written = sorted(csv.DictReader(source), key=lambda row: int(row["line"]))
    assert [(int(row["line"]), row["code"]) for row in written] == [(2 * n, code) for n, (_, code) in enumerate(bad, 1)] + [(14, "cut_off")]
    assert [row["raw"] for row in written][3:5] == [r"\xff 19970101 1 1.00", "'=1+1 19970101 1"]
    file.write_bytes(good + b"".join(row + b"\n" + good for row, _ in bad) + b"6 19970101 1 1.00\n")
    code, counts = run_import(company, file, key)
    assert (code, counts["new"], counts["known"], counts["rejected"]) == (3, 1, 7, 6)


def test_an_import_that_was_killed_is_repaired_by_the_same_file(company: Company, some: Path) -> None:
    key = company.found_tenant()
    process = subprocess.Popen(in_batches(company, some, key), cwd=company.folder, env=environment(company.folder))
    with company.client(key) as client:
        wait_until(lambda: client.get("/v1/orders", params={"page_size": 1}).json()["items"])
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    code, counts = run_import(company, some, key)
    assert (code, counts["read"], counts["accepted"]) == (0, SOME, SOME)
    assert 0 < counts["new"] < SOME
    assert count(company, "/v1/orders", key) == SOME
    assert run_import(company, some, key)[1]["new"] == 0


def test_a_web_process_that_is_killed_meanwhile_costs_nothing(company: Company, some: Path) -> None:
    key = company.found_tenant()
    process = subprocess.Popen(in_batches(company, some, key), cwd=company.folder, env=environment(company.folder), stdout=subprocess.PIPE)
    with company.client(key) as client:
        wait_until(lambda: client.get("/v1/orders", params={"page_size": 1}).json()["items"])
    (web,) = [child for child in psutil.Process(company.process.pid).children() if "serve" in child.cmdline()]
    web.send_signal(signal.SIGKILL)
    output, _ = process.communicate(timeout=280)
    counts = json.loads(output)
    assert (process.returncode, counts["read"], counts["new"], counts["known"]) == (0, SOME, SOME, 0)
    assert count(company, "/v1/orders", key) == SOME


def test_an_import_that_breaks_off_says_so(company: Company, tmp_path: Path) -> None:
    file = tmp_path / "log.txt"
    file.write_bytes(b"1 19970101 1 1.00\n")
    begun = time.monotonic()
    done = company.run("import", "purchases", str(file), *AS_MASTER, "--label", "x", "--url", company.url, "--key", "mk_wrong")
    assert done.returncode == 1
    assert "The import broke off: /v1/contacts/batch answered 401 unauthenticated" in done.stderr
    assert time.monotonic() - begun < 30


def test_an_importer_does_not_grow_with_the_rows_that_it_refuses(company: Company) -> None:
    """A tenth of the stream of `bench/imports.py`; keeping what is refused would cost ten times the bound."""
    resident = grow(company, company.found_tenant(), STREAM_BYTES)
    assert resident[-1] - resident[0] < MOST_GROWTH_BYTES


def test_a_log_may_come_from_standard_input_and_the_table_adds_up(company: Company) -> None:
    key = company.found_tenant()
    done = company.run(
        "import",
        "purchases",
        "-",
        *AS_MASTER,
        "--label",
        "pipe",
        "--url",
        company.url,
        "--key",
        key,
        input="1;19970101;1;1.00\n2;x;1;1.00\n",
    )
    assert done.returncode == 3
    assert "1 new, 0 known before" in done.stdout
    assert "rejected-pipe.csv" in done.stdout
