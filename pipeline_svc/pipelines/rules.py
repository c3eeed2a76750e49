"""What a list of stages must be, what becomes of the stages that it leaves out, and the life of a pipeline."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from services.errors import Conflict, WrongState, invalid_field

Stage = Mapping[str, Any]
Verb = Literal["retire", "reactivate"]
MOVES: dict[tuple[str, Verb], str] = {("active", "retire"): "retired", ("retired", "reactivate"): "active"}
MOST_STAGES = 200
CERTAIN = {"won": 10_000, "lost": 0}
"""The probability of the kinds that are an end."""


class StageKindIsFixed(Conflict):
    """A stage that is known by this key is of another kind: closed opportunities may stand in it."""

    code = "stage_kind_fixed"


class TooManyStages(Conflict):
    """So many stages were retired that the pipeline can take no further one."""

    code = "too_many_stages"


def decide_status(verb: Verb, status: str) -> str:
    """The status after `verb`. Raises WrongState."""
    if (status, verb) not in MOVES:
        raise WrongState(verb, state=status, verbs_that_fit=[fitting for state, fitting in MOVES if state == status])
    return MOVES[status, verb]


def decide_stages(wanted: Sequence[Stage], known: Sequence[Stage], *, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """The whole list as it is kept: the wanted stages in their order, then what was left out of the known ones, retired.

    A wanted stage whose key is known keeps its id; `ids` are for the others, one for each wanted stage. Raises Invalid,
    StageKindIsFixed, TooManyStages.
    """
    _check_sound(wanted)
    by_key = {stage["key"]: stage for stage in known}
    for place, stage in enumerate(wanted):
        if stage["key"] in by_key and by_key[stage["key"]]["kind"] != stage["kind"]:
            raise StageKindIsFixed(f"Stage {place} ({stage['key']}) is of the kind '{by_key[stage['key']]['kind']}', and so it stays")
    active = [
        _kept(stage, by_key[stage["key"]]["id"] if stage["key"] in by_key else str(new)) for stage, new in zip(wanted, ids, strict=True)
    ]
    keys = {stage["key"] for stage in wanted}
    stages = [*active, *({**stage, "status": "retired"} for stage in known if stage["key"] not in keys)]
    if len(stages) > MOST_STAGES:
        raise TooManyStages(f"A pipeline has at most {MOST_STAGES} stages, the retired ones among them")
    return stages


def _kept(stage: Stage, stage_id: str) -> dict[str, Any]:
    return {**stage, "id": stage_id, "probability_bps": CERTAIN.get(stage["kind"], stage["probability_bps"]), "status": "active"}


def _check_sound(wanted: Sequence[Stage]) -> None:
    keys: set[str] = set()
    for place, stage in enumerate(wanted):
        if stage["key"] in keys:
            raise invalid_field(f"/stages/{place}/key", "key_twice", "Two stages have this key")
        keys.add(stage["key"])
        _check_stage(stage, f"/stages/{place}")
    kinds = {stage["kind"] for stage in wanted}
    for kind in ("open", "won", "lost"):
        if kind not in kinds:
            raise invalid_field("/stages", "kind_missing", f"A pipeline has at least one stage of the kind '{kind}'")


def _check_stage(stage: Stage, pointer: str) -> None:
    probability = stage["probability_bps"]
    if stage["kind"] == "open":
        if probability is None:
            raise invalid_field(f"{pointer}/probability_bps", "missing", "An open stage has a probability")
        return
    if probability not in (None, CERTAIN[stage["kind"]]):
        raise invalid_field(
            f"{pointer}/probability_bps", "certain", f"What is {stage['kind']} has the probability {CERTAIN[stage['kind']]}"
        )
    if stage["rotting_days"] is not None:
        raise invalid_field(f"{pointer}/rotting_days", "closed", "Nothing stalls in a stage that is an end")
