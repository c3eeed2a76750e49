"""The wire shapes of steps."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from services.batch import MAX_OPERATIONS
from services.contracts import ExternalId
from services.wire import Input

Verb = Literal["assign", "escalate", "wait", "continue", "resolve", "reopen", "message"]


class Step(Input):
    """One verb of one ticket; `data` is what the verb takes by itself. A step whose `key` is known already was taken before."""

    ticket_id: UUID
    verb: Verb
    key: ExternalId | None = None
    data: dict[str, Any] = Field(default_factory=dict)


class Steps(Input):
    """Steps in their order; of each ticket at most one that changes the ticket itself."""

    steps: Annotated[list[Step], Field(min_length=1, max_length=MAX_OPERATIONS)]
