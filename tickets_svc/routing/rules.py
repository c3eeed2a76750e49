"""Who gets which case, and why: values in, a plan out.

Expected loss = P(the customer leaves) × lifetime value, both as analytics last said. A case that waited beyond the floor of its rule goes
before all others, whatever it is worth, so that nobody waits for ever.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.errors import WrongState

Reasons = list[tuple[str, int]]
"""What was looked at, each as a code and its number."""
FITS = {"activate": ("draft",), "retire": ("active",)}
BECOMES = {"activate": "active", "retire": "retired"}
NEVER = -1.0


@dataclass(frozen=True)
class Case:
    """A ticket that waits: since when, what may be lost with it (None: no score), and in which language its customer speaks."""

    ticket_id: UUID
    waited_seconds: int
    queue_id: UUID | None = None
    expected_loss_minor: int | None = None
    churn_bps: int | None = None
    lifetime_value_minor: int | None = None
    language: str | None = None


@dataclass
class Candidate:
    """An agent who is there. `cases` grows as the plan goes on; `turns` says when each rule last came to this agent."""

    agent_id: UUID
    user_id: UUID
    capacity: int
    cases: int
    skills: Mapping[str, int] = field(default_factory=dict)
    languages: frozenset[str] = frozenset()
    turns: dict[UUID, float] = field(default_factory=dict)

    @property
    def seniority(self) -> int:
        """The highest level of any skill."""
        return max(self.skills.values(), default=0)


@dataclass(frozen=True)
class Rule:
    """An active rule, with the test of its filter."""

    id: UUID
    strategy: str
    matches: Callable[[Case], bool]
    queue_id: UUID | None = None
    agent_ids: frozenset[UUID] = frozenset()
    skills: Mapping[str, int] = field(default_factory=dict)
    floor_seconds: int | None = None
    stop: bool = False


@dataclass(frozen=True)
class Decision:
    """A case and where it goes: to an agent, or into a queue."""

    case: Case
    rule: Rule
    reasons: Reasons
    candidate: Candidate | None = None


def decide_status(verb: str, status: str) -> str:
    """The status after a verb. Raises WrongState."""
    if status not in FITS[verb]:
        raise WrongState(verb, state=status, verbs_that_fit=[each for each, states in FITS.items() if status in states])
    return BECOMES[verb]


def plan(cases: Sequence[Case], rules: Sequence[Rule], candidates: Sequence[Candidate], *, at: float = 0.0) -> list[Decision]:
    """Go through the rules in their order, and in each through the cases that match it; the first that decides, decides.

    A rule with `stop` keeps what it matches from the rules after it, also where none of its agents has room.
    """
    waiting, decisions = list(cases), []
    for rule in rules:
        left = []
        for case in order_cases([case for case in waiting if rule.matches(case)], rule):
            decision = decide(case, rule, candidates)
            if decision is None:
                left += [] if rule.stop else [case]
                continue
            if decision.candidate is not None:
                decision.candidate.cases += 1
                at += 1.0
                decision.candidate.turns[rule.id] = at
            decisions.append(decision)
        waiting = [case for case in waiting if not rule.matches(case)] + left
    return decisions


def order_cases(cases: Iterable[Case], rule: Rule) -> list[Case]:
    """What waited beyond the floor first, the longest first; then, by the strategy, by loss (unknown last) or by age."""

    def key(case: Case) -> tuple[bool, bool, int, int, UUID]:
        in_time = not is_beyond_floor(case, rule)
        by_loss = in_time and rule.strategy == "expected_loss"
        loss = case.expected_loss_minor if by_loss else None
        return in_time, by_loss and loss is None, -(loss or 0), -case.waited_seconds, case.ticket_id

    return sorted(cases, key=key)


def decide(case: Case, rule: Rule, candidates: Sequence[Candidate]) -> Decision | None:
    """Where a rule sends a case that matches it; None where it is there already or nobody has room."""
    late: Reasons = [("waited_beyond_floor_seconds", case.waited_seconds)] if is_beyond_floor(case, rule) else []
    if rule.queue_id is not None:
        return None if case.queue_id == rule.queue_id else Decision(case, rule, late)
    able = [candidate for candidate in candidates if _is_able(candidate, rule)]
    if not able:
        return None
    chosen, reasons = CHOICES[rule.strategy](case, rule, able)
    return Decision(case, rule, late + reasons, chosen)


def is_beyond_floor(case: Case, rule: Rule) -> bool:
    """Whether a case waited longer than its rule lets anybody wait."""
    return rule.floor_seconds is not None and case.waited_seconds > rule.floor_seconds


def _is_able(candidate: Candidate, rule: Rule) -> bool:
    is_named = not rule.agent_ids or candidate.agent_id in rule.agent_ids
    is_skilled = all(candidate.skills.get(key, 0) >= level for key, level in rule.skills.items())
    return candidate.cases < candidate.capacity and is_named and is_skilled


def _direct(_case: Case, _rule: Rule, able: Sequence[Candidate]) -> tuple[Candidate, Reasons]:
    chosen = min(able, key=lambda each: each.agent_id)
    return chosen, [("open_cases", chosen.cases)]


def _round_robin(_case: Case, rule: Rule, able: Sequence[Candidate]) -> tuple[Candidate, Reasons]:
    chosen = min(able, key=lambda each: (each.turns.get(rule.id, NEVER), each.agent_id))
    return chosen, [("open_cases", chosen.cases)]


def _least_busy(_case: Case, _rule: Rule, able: Sequence[Candidate]) -> tuple[Candidate, Reasons]:
    chosen = min(able, key=lambda each: (each.cases, each.agent_id))
    return chosen, [("open_cases", chosen.cases), ("capacity", chosen.capacity)]


def _skill(case: Case, rule: Rule, able: Sequence[Candidate]) -> tuple[Candidate, Reasons]:
    """Who speaks the customer's language first, then who knows most of what the rule asks for, then who is least busy."""

    def speaks(each: Candidate) -> bool:
        return case.language is not None and case.language in each.languages

    def level(each: Candidate) -> int:
        return sum(each.skills[key] for key in rule.skills)

    chosen = min(able, key=lambda each: (not speaks(each), -level(each), each.cases, each.agent_id))
    return chosen, [("skill_level", level(chosen)), ("speaks_language", int(speaks(chosen))), ("open_cases", chosen.cases)]


def _expected_loss(case: Case, rule: Rule, able: Sequence[Candidate]) -> tuple[Candidate, Reasons]:
    """The most senior of those who have room; without a score, whoever is least busy."""
    if case.expected_loss_minor is None:
        chosen, reasons = _least_busy(case, rule, able)
        return chosen, [("no_score", 0), *reasons]
    chosen = min(able, key=lambda each: (-each.seniority, each.cases, each.agent_id))
    stake = [("churn_bps", case.churn_bps), ("lifetime_value_minor", case.lifetime_value_minor)]
    known = [(code, number) for code, number in stake if number is not None]
    return chosen, [("expected_loss_minor", case.expected_loss_minor), *known, ("agent_level", chosen.seniority)]


CHOICES: Mapping[str, Callable[[Case, Rule, Sequence[Candidate]], tuple[Candidate, Reasons]]] = {
    "direct": _direct,
    "round_robin": _round_robin,
    "least_busy": _least_busy,
    "skill": _skill,
    "expected_loss": _expected_loss,
}
