"""Who is held out: a share of the contacts that a salted hash picks, so that nobody can tell why, and it is always the same ones."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.errors import WrongState
from services.events.campaigns import Arm

BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Share:
    """A share of the contacts in basis points, and the salt that picks them."""

    salt: str
    share_bps: int

    def holds(self, contact_id: UUID) -> bool:
        """Whether the contact is in this share."""
        return bucket_of(self.salt, contact_id) < self.share_bps


def bucket_of(salt: str, contact_id: UUID) -> int:
    """The basis point, of 10,000, in which a salt places a contact: the same for ever, and as good as drawn for another salt."""
    digest = hashlib.sha256(salt.encode() + contact_id.bytes).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def decide_arm(contact_id: UUID, *, everywhere: Sequence[Share], here: Sequence[Share]) -> Arm:
    """The arm of a contact in a campaign: held out everywhere, held out of this campaign, or treated."""
    if any(share.holds(contact_id) for share in everywhere):
        return "global_holdout"
    return "holdout" if any(share.holds(contact_id) for share in here) else "treatment"


def check_is_active(verb: str, status: str) -> None:
    """Raises WrongState for a holdout that has ended."""
    if status != "active":
        raise WrongState(verb, state=status, verbs_that_fit=[])
