"""Where a contact stands in the pyramid, by what is known of it, and which hand may move it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from services.errors import WrongState

LifecycleVerb = Literal["disqualify", "requalify"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a contact: whether its lifecycle is held by hand, its last purchase that counts, and its dealings with us."""

    is_held: bool = False
    bought_at: datetime | None = None
    has_interacted: bool = False
    is_disqualified: bool = False


def decide_lifecycle(standing: Standing, present: str, *, window: timedelta, now: datetime) -> str:
    """The lifecycle of a contact, by all that is known of it and nothing of the order in which it became known.

    A hand holds it; else a purchase makes a customer, an active one for `window` after it; else who was disqualified stays out; else
    whoever dealt with us is a prospect.
    """
    if standing.is_held:
        return present
    if standing.bought_at is not None:
        return "customer_active" if standing.bought_at + window > now else "customer_inactive"
    if standing.is_disqualified:
        return "rest_of_world"
    return "prospect" if standing.has_interacted else "suspect"


def active_until(standing: Standing, lifecycle: str, *, window: timedelta) -> datetime | None:
    """When an active customer becomes an inactive one, unless it buys again; None for everybody else."""
    if standing.is_held or lifecycle != "customer_active" or standing.bought_at is None:
        return None
    return standing.bought_at + window


def check_move(verb: LifecycleVerb, lifecycle: str, *, is_held: bool) -> None:
    """Raises WrongState where the verb does not fit: only a suspect or prospect is disqualified, only the rest of the world requalified,
    and nobody whose lifecycle is held by hand.
    """
    fitting = verbs_that_fit(lifecycle, is_held=is_held)
    if verb not in fitting:
        raise WrongState(verb, state=f"{lifecycle}, held by hand" if is_held else lifecycle, verbs_that_fit=fitting)


def verbs_that_fit(lifecycle: str, *, is_held: bool) -> list[str]:
    """The verbs by which a hand may move a contact, beside `set-lifecycle`, which always fits."""
    fits = {
        "disqualify": not is_held and lifecycle in ("suspect", "prospect"),
        "requalify": not is_held and lifecycle == "rest_of_world",
        "clear-lifecycle": is_held,
    }
    return [verb for verb, fit in fits.items() if fit]


def buys_at(status: str, payment_status: str, *, placed_at: datetime | None, is_test: bool) -> datetime | None:
    """When an order was bought; None for one that is no purchase: a draft, a test, one that is off, or fully refunded."""
    counts = status in ("placed", "completed") and payment_status != "refunded" and not is_test
    return placed_at if counts else None
