"""The wire shapes of reasons."""

from datetime import datetime

from pipeline_svc.orders.schemas import ExternalIds, Name
from services.events.pipeline_catalogue import ReasonKind, ReasonState
from services.wire import Input


class ReasonCreate(Input):
    """A new reason; what it is a reason for is fixed."""

    kind: ReasonKind
    text: Name
    external_ids: ExternalIds = []


class ReasonPatch(Input):
    """What may be changed of a reason."""

    text: Name = ""
    external_ids: ExternalIds = []


class ReasonRead(ReasonState):
    """A reason."""

    version: int
    updated_at: datetime
