"""The wire shapes of moves by hand."""

from services.contracts import Code
from services.events.contacts import Lifecycle
from services.wire import Input


class ContactMove(Input):
    """Why a contact is moved by hand."""

    reason_code: Code | None = None


class LifecycleSetting(Input):
    """Where a contact is held by hand, and why; no rule moves it until it is let go."""

    lifecycle: Lifecycle
    reason_code: Code
