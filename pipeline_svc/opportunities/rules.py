"""What may be done with an opportunity: its states, gates, amounts, shares and times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from services.errors import Conflict, FieldError, Forbidden, Invalid, WrongState, invalid_field
from services.money import MOST_MINOR

Values = Mapping[str, Any]
Kind = Literal["open", "won", "lost"]

NOT_BEFORE = datetime(1900, 1, 1, tzinfo=UTC)
SKEW = timedelta(minutes=5)
WHOLE_BPS = 10_000
FITTING = {"open": ("move", "win", "lose"), "won": ("reopen",), "lost": ("reopen",)}


class StageNotAllowed(Forbidden):
    """None of the caller's roles may bring an opportunity into this stage."""

    code = "stage_not_allowed"


class PipelineIsRetired(Conflict):
    """A retired pipeline takes no new opportunities."""

    code = "pipeline_retired"


@dataclass(frozen=True, slots=True)
class Gate:
    """What the verbs look at beside the opportunity: the stages of its pipeline, the caller's roles, and the present instant."""

    stages: Sequence[Values]
    roles: Sequence[str]
    now: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """What a verb does: the fields that it changes, what its event says beside the state, and when it happened."""

    changes: dict[str, Any]
    special: dict[str, Any]
    at: datetime


def decide_birth(wanted: Values, gate: Gate, *, stage_id: UUID | None, opened_at: datetime | None) -> dict[str, Any]:
    """The fields that say where and since when a new opportunity stands. Raises Invalid, StageNotAllowed."""
    stage = enterable_stage(gate.stages, stage_id, kind="open")
    check_gate(stage, wanted, gate.roles)
    at = decide_instant(opened_at, now=gate.now, pointer="/opened_at")
    manual = wanted.get("probability_bps")
    return {
        "opened_at": at,
        "stage_id": UUID(stage["id"]),
        "stage_since": at,
        "status": "open",
        "probability_bps": stage["probability_bps"] if manual is None else manual,
        "probability_source": "stage" if manual is None else "manual",
    }


def decide_move(row: Values, gate: Gate, *, stage_id: UUID, at: datetime | None) -> Step | None:
    """To another open stage; None where it is there already. Raises WrongState, Invalid, StageNotAllowed."""
    check_fits("move", row["status"])
    if row["stage_id"] == stage_id:
        return None
    stage = enterable_stage(gate.stages, stage_id, kind="open")
    changes = _enter(row, stage, gate, at=at)
    if row["probability_source"] == "stage":
        changes["probability_bps"] = stage["probability_bps"]
    special = {
        "from_stage_id": row["stage_id"],
        "to_stage_id": stage_id,
        "entered_from_at": row["stage_since"],
        "seconds_in_from": seconds_between(row["stage_since"], changes["stage_since"]),
    }
    return Step(changes, special, changes["stage_since"])


def decide_close(
    row: Values,
    gate: Gate,
    *,
    kind: Literal["won", "lost"],
    stage_id: UUID | None,
    at: datetime | None,
    reason_id: UUID | None,
    competitor_id: UUID | None,
) -> Step:
    """Won or lost, in a stage of that kind. Raises WrongState, Invalid, StageNotAllowed."""
    check_fits("win" if kind == "won" else "lose", row["status"])
    stage = enterable_stage(gate.stages, stage_id, kind=kind)
    changes = _enter(row, stage, gate, at=at)
    happened_at = changes["stage_since"]
    changes |= {"status": kind, "closed_at": happened_at, "reason_id": reason_id, "stalled_since": None}
    changes |= {"probability_bps": stage["probability_bps"], "probability_source": "stage"}
    special = {
        "from_stage_id": row["stage_id"],
        "reason_id": reason_id,
        "seconds_open": seconds_between(row["opened_at"], happened_at),
        "competitor_id": competitor_id,
    }
    return Step(changes, special, happened_at)


def decide_reopen(row: Values, gate: Gate, *, stage_id: UUID, at: datetime | None) -> Step:
    """Back to a named open stage. Raises WrongState, Invalid, StageNotAllowed."""
    check_fits("reopen", row["status"])
    stage = enterable_stage(gate.stages, stage_id, kind="open")
    changes = _enter(row, stage, gate, at=at) | {"status": "open", "closed_at": None, "reason_id": None}
    changes |= {"probability_bps": stage["probability_bps"], "probability_source": "stage"}
    return Step(changes, {"to_stage_id": stage_id, "closed_as": row["status"]}, changes["stage_since"])


def check_fits(verb: str, status: str) -> None:
    """Raises WrongState for a verb that does not fit."""
    if verb not in FITTING[status]:
        raise WrongState(verb, state=status, verbs_that_fit=FITTING[status])


def enterable_stage(stages: Sequence[Values], stage_id: UUID | None, *, kind: Kind) -> Values:
    """The active stage of `kind` that is named, or the first. Raises Invalid."""
    if stage_id is None:
        return next(stage for stage in stages if stage["kind"] == kind and stage["status"] == "active")
    stage = find_stage(stages, stage_id)
    if stage is None:
        raise invalid_field("/stage_id", "unknown_stage", "The pipeline has no such stage")
    if stage["kind"] != kind:
        raise invalid_field("/stage_id", "wrong_kind", f"This stage is of the kind '{stage['kind']}'; one of '{kind}' is needed")
    if stage["status"] != "active":
        raise invalid_field("/stage_id", "retired", "This stage is retired")
    return stage


def find_stage(stages: Sequence[Values], stage_id: UUID) -> Values | None:
    """The stage of this id, retired or not."""
    return next((stage for stage in stages if stage["id"] == str(stage_id)), None)


def check_gate(stage: Values, opportunity: Values, roles: Sequence[str]) -> None:
    """Raises StageNotAllowed for a caller without one of the stage's roles, Invalid that names each required field that is missing."""
    if stage["allowed_roles"] and not set(stage["allowed_roles"]) & set(roles):
        raise StageNotAllowed(f"The stage {stage['key']} is entered by: {', '.join(stage['allowed_roles'])}")
    missing = [name for name in stage["required_fields"] if not opportunity.get(name)]
    if missing:
        errors = [FieldError(f"/{name}", "required_by_stage", f"The stage {stage['key']} needs {name}") for name in missing]
        raise Invalid(f"The stage {stage['key']} needs {', '.join(missing)}", code="fields_missing", errors=errors)


def decide_instant(at: datetime | None, *, now: datetime, not_before: datetime = NOT_BEFORE, pointer: str = "/at") -> datetime:
    """When something happened: `at`, or now. Raises Invalid for the future, before 1900, and before what it follows."""
    if at is None:
        return max(now, not_before)
    if at > now + SKEW:
        raise invalid_field(pointer, "in_the_future", "This instant lies in the future")
    if at < NOT_BEFORE:
        raise invalid_field(pointer, "too_early", "This instant lies before 1900")
    if at < not_before:
        raise invalid_field(pointer, "before_stage", "This instant lies before the opportunity came into its present stage")
    return at


def price_lines(lines: Sequence[Values]) -> tuple[list[dict[str, Any]], int]:
    """The lines with their amounts (rounded half up), and the sum. Raises Invalid above 2**53."""
    priced = []
    for line in lines:
        gross = line["quantity"] * line["unit_price_minor"] * (WHOLE_BPS - line["discount_bps"])
        priced.append({**line, "amount_minor": (2 * gross + WHOLE_BPS) // (2 * WHOLE_BPS)})
    total = sum(line["amount_minor"] for line in priced)
    if total > MOST_MINOR:
        raise invalid_field("/lines", "too_much", "The amounts sum to more than 2**53 minor units")
    return priced, total


def check_amount(amount_minor: int, total_minor: int) -> None:
    """Raises Invalid for an amount that is sent beside lines which make another."""
    if amount_minor != total_minor:
        raise invalid_field("/amount_minor", "not_the_sum", f"The lines make {total_minor}, not {amount_minor}")


def check_splits(splits: Sequence[Values]) -> None:
    """Raises Invalid where a user has two shares of a kind, or the revenue shares do not make the whole."""
    if len({(split["user_id"], split["kind"]) for split in splits}) < len(splits):
        raise invalid_field("/splits", "share_twice", "A user has one share of a kind")
    revenue = [split["share_bps"] for split in splits if split["kind"] == "revenue"]
    if revenue and sum(revenue) != WHOLE_BPS:
        raise invalid_field("/splits", "not_the_whole", f"The revenue shares make {sum(revenue)}, not {WHOLE_BPS}")


def check_recurring(amount_minor: int | None, interval: str | None) -> None:
    """Raises Invalid for a recurring amount without its interval, or the other way round."""
    if (amount_minor is None) != (interval is None):
        raise invalid_field("/recurring_interval", "missing", "recurring_amount_minor and recurring_interval go together")


def stalls_at(stage: Values | None, *, since: datetime) -> datetime | None:
    """When an opportunity that is in `stage` since then counts as stalled, if ever."""
    if stage is None or stage["rotting_days"] is None:
        return None
    return since + timedelta(days=stage["rotting_days"])


def seconds_between(begin: datetime, end: datetime) -> int:
    """Whole seconds, never below zero."""
    return max(0, int((end - begin).total_seconds()))


def _enter(row: Values, stage: Values, gate: Gate, *, at: datetime | None) -> dict[str, Any]:
    check_gate(stage, row, gate.roles)
    return {"stage_id": UUID(stage["id"]), "stage_since": decide_instant(at, now=gate.now, not_before=row["stage_since"])}
