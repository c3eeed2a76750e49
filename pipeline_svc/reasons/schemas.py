"""The wire shapes of reasons."""

from datetime import datetime

from services.contracts import Label
from services.events.pipeline_catalogue import ReasonKind, ReasonState
from services.wire import ExternalIds, Input


class ReasonCreate(Input):
    """A new reason; what it is a reason for is fixed."""

    kind: ReasonKind
    text: Label
    external_ids: ExternalIds = []


class ReasonPatch(Input):
    """What may be changed of a reason."""

    text: Label = ""
    external_ids: ExternalIds = []


class ReasonRead(ReasonState):
    """A reason."""

    version: int
    updated_at: datetime
