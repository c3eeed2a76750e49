"""The wire shapes of results."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from services.contracts import Number
from services.wire import Output


class MetricRead(Output):
    """One measure: its mean in each arm, the difference, and the 95 % interval of that (null where an arm is too small).

    `conversion` is the share of contacts who ordered, `spend_minor` what a contact spent, in minor units, refunds taken off.
    """

    metric: Literal["conversion", "spend_minor"]
    treatment_mean: Number
    holdout_mean: Number
    lift: Number
    low: Number | None
    high: Number | None


class LiftRead(Output):
    """What a campaign did: everybody who was to be written to, whether they were or not, against everybody who was held out of it."""

    campaign_id: UUID
    window_from: datetime
    window_to: datetime
    is_over: bool
    currency: str
    treatment_size: int
    holdout_size: int
    metrics: list[MetricRead]
