"""`mitra import tickets`: the log of a help desk, replayed at its own times; the API's figures are those of the file."""

import csv
import os
import statistics
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from tests.harness import Mitra
from tickets_svc.imports.command import imports
from tickets_svc.imports.replay import LogUnclear, read_cases, rounds_of, steps_of
from tickets_svc.imports.sending import Counts, send_log

LOG = Path("../shared/data/helpdesk/helpdesk.csv")
HEADER = "CaseID,ActivityID,CompleteTimestamp\n"
needs_log = pytest.mark.skipif(not LOG.exists(), reason="the log of the help desk is not here")


def computed(path: Path) -> dict[str, Any]:
    """The figures of the log, straight from its lines: the shortest way to them, sharing nothing with the import."""
    rows = defaultdict(list)
    with path.open() as file:
        for case, activity, at in list(csv.reader(file))[1:]:
            rows[case].append((activity, datetime.fromisoformat(f"{at}+00:00")))
    solved = {case: next((at for activity, at in done[1:] if activity == "6"), None) for case, done in rows.items()}
    times = sorted((at - rows[case][0][1]).total_seconds() for case, at in solved.items() if at)
    notes = 0
    for done in rows.values():
        later = [activity for activity, _ in done[1:]]
        end = later.index("6") if "6" in later else len(later)
        notes += sum(activity not in ("6", "8") for activity in later[:end]) + len(later[end + 1 :])
    return {
        "cases": len(rows),
        "rows": sum(map(len, rows.values())),
        "resolved": len(times),
        "notes": notes,
        "total_seconds": sum(times),
        "median_seconds": statistics.median(times),
        "longest_seconds": times[-1],
    }


async def answered(desk: httpx.AsyncClient) -> dict[str, Any]:
    """The same figures from the answers of the API."""
    tickets: list[dict[str, Any]] = []
    query: dict[str, Any] = {"page_size": 200, "order_by": "number"}
    while True:
        page = (await desk.get("/v1/tickets", params=query)).json()
        tickets += page["items"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    spans = [(datetime.fromisoformat(t["resolved_at"]) - datetime.fromisoformat(t["opened_at"])) for t in tickets if t["resolved_at"]]
    times = sorted(span.total_seconds() for span in spans)
    return {
        "cases": len(tickets),
        "resolved": len(times),
        "total_seconds": sum(times),
        "median_seconds": statistics.median(times),
        "longest_seconds": times[-1],
    }


async def replay(desk: httpx.AsyncClient, path: Path) -> Counts:
    with path.open(newline="") as lines:
        cases = read_cases(lines)
    return await send_log(desk, cases, label="helpdesk", batch=500, on_progress=lambda counts: None)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The first tenth of the log; all of it where WHOLE_LOG is set, which takes minutes."""
    if os.environ.get("WHOLE_LOG"):
        return LOG
    lines = LOG.read_text().splitlines(keepends=True)
    cases = list(dict.fromkeys(line.partition(",")[0] for line in lines[1:]))
    wanted = set(cases[: len(cases) // 10])
    tenth = tmp_path / "tenth.csv"
    tenth.write_text(lines[0] + "".join(line for line in lines[1:] if line.partition(",")[0] in wanted))
    return tenth


@needs_log
def test_the_log_is_the_one_that_is_known() -> None:
    found = computed(LOG)
    assert (found["cases"], found["rows"], found["resolved"]) == (3804, 13710, 3803)


@needs_log
@pytest.mark.timeout(1_200)
async def test_the_log_gives_the_figures_of_the_file_and_a_second_run_adds_nothing(
    mitra: Mitra, desk: httpx.AsyncClient, log: Path
) -> None:
    expected = computed(log)
    counts = await replay(desk, log)
    assert (counts.read, counts.new, counts.known, counts.rejected) == (expected["rows"], expected["rows"], 0, 0)
    found = await answered(desk)
    assert found == {name: expected[name] for name in found}
    events = await mitra.outbox("tickets")
    facts = [event.type for event in events]
    assert facts.count("tickets.ticket.opened.v1") == expected["cases"]
    assert facts.count("tickets.message.created.v1") == expected["notes"]
    resolved = [event.data["seconds_elapsed"] for event in events if event.type == "tickets.ticket.resolved.v1"]
    assert (len(resolved), sum(resolved), max(resolved)) == (expected["resolved"], expected["total_seconds"], expected["longest_seconds"])
    again = await replay(desk, log)
    assert (again.new, again.known, again.rejected) == (0, expected["rows"], 0)
    assert len(await mitra.outbox("tickets")) == len(events)


async def test_a_small_log_is_mapped_as_written_down(desk: httpx.AsyncClient, tmp_path: Path, me: Any) -> None:
    path = tmp_path / "log.csv"
    rows = [("1", "8"), ("1", "8"), ("1", "3"), ("1", "6"), ("1", "8"), ("1", "6"), ("2", "6"), ("3", "1"), ("3", "9"), ("3", "8")]
    lines = [f"{case},{activity},2012-04-03 16:{minute:02}:00\n" for minute, (case, activity) in enumerate(rows)]
    path.write_text(HEADER + "".join(lines))
    assert (await replay(desk, path)).new == 10
    one, two, three = (await desk.get("/v1/tickets", params={"order_by": "number"})).json()["items"]
    assert [one[name] for name in ("status", "assignee_id", "opened_at", "resolved_at")] == [
        "resolved",
        str(me),
        "2012-04-03T16:00:00Z",
        "2012-04-03T16:03:00Z",
    ]
    assert [(each["status"], each["assignee_id"]) for each in (two, three)] == [("new", None), ("open", str(me))]
    notes = [(await desk.get(f"/v1/tickets/{each['id']}/messages")).json()["items"] for each in (one, two, three)]
    assert [[note["text"] for note in some] for some in notes] == [["Activity 3", "Activity 8", "Activity 6"], [], ["Activity 9"]]


def test_no_round_has_a_case_twice_and_all_rounds_have_every_row() -> None:
    lines = [f"{case},{activity},2012-04-03 16:55:38\n" for case, activity in ((1, 1), (2, 1), (1, 8), (2, 6), (1, 6), (1, 6))]
    cases = read_cases([HEADER, *lines])
    rounds = list(rounds_of(cases))
    assert [[(each.case, each.number) for each in some] for some in rounds] == [[("1", 1), ("2", 1)], [("1", 2)], [("1", 3)]]
    assert [step["verb"] for step in steps_of(cases[0]).values()] == ["assign", "resolve", "message"]


@pytest.mark.parametrize("lines", [["a,b\n"], [HEADER, "1,1,yesterday\n"], [HEADER, "1,1\n"], []])
def test_what_is_no_log_is_said(lines: list[str]) -> None:
    with pytest.raises(LogUnclear):
        read_cases(lines)


@pytest.mark.parametrize(("more", "complaint"), [(("--label", "a b"), "a label is made of letters"), (("--batch", "501"), "--batch")])
def test_wrong_usage_is_said_before_anything_is_sent(tmp_path: Path, more: tuple[str, ...], complaint: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(HEADER)
    done = CliRunner().invoke(imports, [str(path), "--url", "http://127.0.0.1:9", "--key", "k", *more], env={"TERMINAL_WIDTH": "200"})
    assert done.exit_code == 2
    assert complaint in done.output
