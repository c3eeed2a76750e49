"""The wire shapes of sends and recipients."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from services.events.campaigns import Arm, SkipReason
from services.events.campaigns_sends import SendState
from services.wire import Output


class SendRead(SendState):
    """A send as its owner shows it."""

    version: int
    updated_at: datetime


class RecipientRead(Output):
    """A recipient of a campaign, and where they stand."""

    id: UUID
    contact_id: UUID
    state: Literal["planned", "claimed", "unknown", "sent", "skipped", "failed"]
    arm: Arm
    skip_reason: SkipReason | None
    consent_id: UUID | None
    sent_at: datetime | None


class Explanation(Output):
    """Why a contact is written to by a campaign, or is not."""

    contact_id: UUID
    is_known: bool
    included_by: list[int]
    excluded_by: list[int]
    arm: Arm
    consent_id: UUID | None
    sends_within_cap: int
    recipient: RecipientRead | None
