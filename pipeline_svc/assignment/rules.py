"""To whom work is given: four strategies over plain values. Each choice says why, as codes with figures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from services.errors import Conflict, WrongState, invalid_field

Verb = Literal["activate", "retire"]
MOVES: dict[tuple[str, Verb], str] = {("draft", "activate"): "active", ("active", "retire"): "retired"}
ALL = 10_000
Reasons = tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class Target:
    """A user who may be given work."""

    user_id: UUID
    weight: int = 1
    seniority: int = 0
    capacity: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """How a rule gives work."""

    strategy: str
    targets: Sequence[Target]
    max_share_bps: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a user stands: open work of the noun, and how much of it this rule gave since its targets are what they are."""

    open: int = 0
    given: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """What analytics says of a customer: what is expected of it, and how likely that is."""

    lifetime_value_minor: int
    probability_bps: int

    @property
    def expected_value_minor(self) -> int:
        """P × value, in whole minor units."""
        return self.lifetime_value_minor * self.probability_bps // ALL


@dataclass(frozen=True, slots=True)
class Choice:
    """To whom it is given, and why."""

    user_id: UUID
    reasons: Reasons


class NobodyFits(Conflict):
    """No rule fits, or nobody whom one names has room."""

    code = "nobody_fits"


def decide_status(verb: Verb, status: str) -> str:
    """The status of a rule after `verb`. Raises WrongState."""
    if (status, verb) not in MOVES:
        raise WrongState(verb, state=status, verbs_that_fit=[fitting for state, fitting in MOVES if state == status])
    return MOVES[status, verb]


def check_can_change(status: str) -> None:
    """Raises WrongState for a change of a retired rule."""
    if status == "retired":
        raise WrongState("update", state=status, verbs_that_fit=[])


def check_sound(user_ids: Sequence[UUID], max_share_bps: int | None) -> None:
    """Raises Invalid where a user is a target twice, or where the shares could never make the whole."""
    if len(set(user_ids)) < len(user_ids):
        raise invalid_field("/targets", "user_twice", "A user is a target once")
    if max_share_bps is not None and max_share_bps * len(user_ids) < ALL:
        raise invalid_field("/max_share_bps", "below_the_whole", f"{len(user_ids)} shares of at most {max_share_bps} bps make no whole")


def choose(policy: Policy, standings: Mapping[UUID, Standing], score: Score | None = None) -> Choice | None:
    """The user who is given the next piece of work, or None where nobody may have it. The same values make the same choice."""
    given = sum(standings.get(target.user_id, Standing()).given for target in policy.targets)
    fitting = [
        (place, target, standing)
        for place, target in enumerate(policy.targets)
        if _has_room(target, standing := standings.get(target.user_id, Standing()))
        and _within_share(standing.given, given, policy.max_share_bps)
    ]
    if not fitting:
        return None
    if policy.strategy == "direct":
        return Choice(fitting[0][1].user_id, (("direct", None),))
    if policy.strategy == "round_robin":
        return _in_turn(fitting)
    if policy.strategy == "expected_value" and score is not None:
        return _most_senior(fitting, score)
    return _least_loaded(fitting, because=(("no_score", None),) if policy.strategy == "expected_value" else ())


def choose_all(
    policy: Policy, standings: Mapping[UUID, Standing], scores: Iterable[tuple[UUID, Score | None]]
) -> tuple[dict[UUID, Choice | None], dict[UUID, Standing]]:
    """The choices for many pieces of work, and how the users stand after them.

    Under expected_value the most valuable chooses first, and what has no score comes last; else they come as they are.
    """
    pieces = list(scores)
    if policy.strategy == "expected_value":
        pieces.sort(key=lambda piece: -1 if piece[1] is None else piece[1].expected_value_minor, reverse=True)
    after = dict(standings)
    choices: dict[UUID, Choice | None] = {}
    for key, score in pieces:
        choice = choices[key] = choose(policy, after, score)
        if choice is not None:
            standing = after.get(choice.user_id, Standing())
            after[choice.user_id] = Standing(standing.open + 1, standing.given + 1)
    return choices, after


Fitting = Sequence[tuple[int, Target, Standing]]


def _has_room(target: Target, standing: Standing) -> bool:
    return target.capacity is None or standing.open < target.capacity


def _within_share(own: int, given: int, max_share_bps: int | None) -> bool:
    """Whether one more leaves a target within its share of all that is given, rounded up to whole pieces."""
    return max_share_bps is None or own * ALL < max_share_bps * (given + 1)


def _in_turn(fitting: Fitting) -> Choice:
    """Who has had least for its weight; of equals the first."""
    _, target, standing = min(fitting, key=lambda each: ((each[2].given + 1) / each[1].weight, each[0]))
    return Choice(target.user_id, (("round_robin", standing.given),))


def _least_loaded(fitting: Fitting, *, because: Reasons) -> Choice:
    _, target, standing = min(fitting, key=lambda each: (each[2].open, each[0]))
    return Choice(target.user_id, (*because, ("least_loaded", standing.open)))


def _most_senior(fitting: Fitting, score: Score) -> Choice:
    """The most senior; of equals who has least open work, then the first."""
    _, target, standing = min(fitting, key=lambda each: (-each[1].seniority, each[2].open, each[0]))
    reasons: Reasons = (
        ("expected_value_minor", score.expected_value_minor),
        ("lifetime_value_minor", score.lifetime_value_minor),
        ("probability_bps", score.probability_bps),
        ("seniority", target.seniority),
        ("open", standing.open),
    )
    return Choice(target.user_id, reasons)
