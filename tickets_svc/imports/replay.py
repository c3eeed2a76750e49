"""The log of a help desk as tickets and steps. The mapping is written down in docs/import-tickets.md."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

COLUMNS = ("CaseID", "ActivityID", "CompleteTimestamp")
FORM = "%Y-%m-%d %H:%M:%S"
TAKES_IN_CHARGE, RESOLVES = "8", "6"


class LogUnclear(ValueError):
    """The file is not a log of a help desk; says where."""


@dataclass(frozen=True)
class Activity:
    """A row: what was done in a case, and when. `number` counts within the case, from 0."""

    case: str
    number: int
    activity: str
    at: datetime


@dataclass
class Case:
    """All rows of a case, in the order of the file."""

    key: str
    activities: list[Activity] = field(default_factory=list)


def read_cases(lines: Iterable[str], zone: tzinfo = UTC) -> list[Case]:
    """The cases of a log, in the order of their first rows. Raises LogUnclear."""
    rows = csv.DictReader(lines)
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise LogUnclear(f"the first line must be {','.join(COLUMNS)}")
    cases: dict[str, Case] = {}
    for row in rows:
        case = cases.setdefault(row["CaseID"], Case(row["CaseID"]))
        try:
            at = datetime.strptime(row["CompleteTimestamp"], FORM).replace(tzinfo=zone)
        except (TypeError, ValueError) as error:
            raise LogUnclear(f"line {rows.line_num}: a time looks like 2012-04-03 16:55:38") from error
        case.activities.append(Activity(case.key, len(case.activities), row["ActivityID"], at))
    return list(cases.values())


def ticket_of(case: Case, label: str) -> dict[str, Any]:
    """The batch operation that opens a case, at the time of its first activity."""
    data = {"subject_line": f"Case {case.key}", "type": "request", "opened_at": case.activities[0].at, "topic": f"{label}-import"}
    return {"op": "upsert", "key": {"source": label, "id": case.key}, "data": data}


def rounds_of(cases: Iterable[Case]) -> Iterator[list[Activity]]:
    """The activities after the first, round by round: one of each case, so that no request changes a ticket twice."""
    waiting = [case.activities[1:] for case in cases]
    while waiting := [rest for rest in waiting if rest]:
        yield [rest[0] for rest in waiting]
        waiting = [rest[1:] for rest in waiting]


def steps_of(case: Case) -> dict[int, dict[str, Any]]:
    """What each activity after the first means, by its number: 8 takes in charge, the first 6 resolves, all else is a note."""
    steps: dict[int, dict[str, Any]] = {}
    resolved = False
    for each in case.activities[1:]:
        verb, data = "message", {"kind": "internal", "text": f"Activity {each.activity}"}
        if each.activity == RESOLVES and not resolved:
            verb, data, resolved = "resolve", {}, True
        elif each.activity == TAKES_IN_CHARGE and not resolved:
            verb, data = "assign", {}
        steps[each.number] = {"verb": verb, "data": data | {"at": each.at}}
    return steps
