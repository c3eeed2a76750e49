"""What may be done with a campaign, and what it lacks."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.errors import FieldError, Invalid, WrongState

TRANSITIONS: Mapping[str, Mapping[str, str]] = {
    "submit": {"draft": "submitted"},
    "approve": {"submitted": "approved"},
    "reject": {"submitted": "draft"},
    "schedule": {"approved": "scheduled"},
    "start": {"scheduled": "running"},
    "pause": {"running": "paused"},
    "resume": {"paused": "running"},
    "complete": {"running": "completed"},
    "stop": {"scheduled": "stopped", "running": "stopped", "paused": "stopped"},
}
BY_ITSELF = frozenset({"start", "complete"})


def decide_status(verb: str, status: str) -> str:
    """The status after `verb`. Raises WrongState naming the verbs that fit."""
    after = TRANSITIONS[verb].get(status)
    if after is None:
        raise WrongState(verb, state=status, verbs_that_fit=verbs_that_fit(status))
    return after


def verbs_that_fit(status: str) -> list[str]:
    """What a caller may do with a campaign of this status."""
    return [verb for verb, moves in TRANSITIONS.items() if status in moves and verb not in BY_ITSELF]


def check_is_draft(status: str) -> None:
    """Raises WrongState: what was submitted stays as it was seen."""
    if status != "draft":
        raise WrongState("update", state=status, verbs_that_fit=verbs_that_fit(status))


def check_is_complete(campaign: Any, *, audience: Any, template: Any, sender: Any) -> None:
    """Everything is there that sending takes. Raises Invalid that names all that is not."""
    lacks = [
        *_lacking("audience_id", campaign.audience_id, audience, ("ready",)),
        *_lacking("template_id", campaign.template_id, template, ("published",)),
        *_lacking("sender_id", campaign.sender_id, sender, ("verified", "active")),
    ]
    if template is not None:
        lacks += [
            FieldError(f"/variables/{name}", "missing", f"The template asks for {name}")
            for name in template.variables
            if name not in campaign.variables
        ]
    if (campaign.cap_sends is None) != (campaign.cap_days is None):
        lacks.append(FieldError("/cap_days", "missing", "A cap is a number of sends and a number of days"))
    if lacks:
        raise Invalid("The campaign is not complete", code="incomplete", errors=lacks)


def _lacking(name: str, wanted: object, found: Any, fitting: Sequence[str]) -> list[FieldError]:
    if found is None:
        return [FieldError(f"/{name}", "missing" if wanted is None else "unknown", "A campaign needs one that exists")]
    if found.status not in fitting or found.archived_at is not None:
        return [FieldError(f"/{name}", "not_ready", f"It is {found.status}, and has to be {' or '.join(fitting)}")]
    return []
