"""The wire shapes of consents."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from contacts_svc.consent_purposes.schemas import Channel, PurposeKey
from contacts_svc.contacts.schemas import LanguageTag
from services.contracts import Code, Instant
from services.events.contacts import ConsentState
from services.wire import Input, Output, ShortText

AddressSeen = Annotated[ShortText | None, Field(description="The address that was seen with it; kept here and in no event")]


class ProofGiven(Input):
    """What shows that the contact agrees."""

    kind: Literal["form", "import", "statement"]
    at: Instant
    form_id: UUID | None = None
    import_id: UUID | None = None


class ConsentCreate(Input):
    """A request that the contact is to confirm (`pending`), or a consent that a proof shows (`granted`)."""

    contact_id: UUID
    purpose: PurposeKey
    channel: Channel
    topic_id: UUID | None = None
    status: Literal["pending", "granted"] = "pending"
    source: Code = "api"
    language: LanguageTag | None = Field(None, description="In which the contact is asked; the contact's own where it is not given")
    wording_version: int | None = Field(None, ge=1, description="Which wording was agreed to; the newest where it is not given")
    proof: ProofGiven | None = None
    address_seen: AddressSeen = None
    expires_at: Instant | None = None


class ConsentGrant(Input):
    """The proof by which a consent is granted."""

    proof: ProofGiven
    source: Code = "api"
    language: LanguageTag | None = None
    wording_version: int | None = Field(None, ge=1)
    address_seen: AddressSeen = None
    expires_at: Instant | None = None


class ConsentWithdrawal(Input):
    """Why a consent is withdrawn."""

    reason_code: Code | None = None
    source: Code = "api"


class ConsentRead(ConsentState):
    """A consent as its owner shows it; `due_at` is when time changes it."""

    version: int
    updated_at: datetime
    address_seen: str | None
    due_at: datetime | None


class ConsentsOfContact(Output):
    """The consents of a contact, by purpose, channel and topic; `as_of` is the instant at which they were known so."""

    as_of: datetime | None
    items: list[ConsentRead]


class ConsentIds(Input):
    """The requests of which another service is to tell their contacts."""

    ids: list[UUID] = Field(min_length=1, max_length=500)


class ConsentRequest(Output):
    """What a contact is to be told of a request: the words, and the path of the link that confirms it."""

    id: UUID
    contact_id: UUID
    purpose: str
    purpose_name: str
    channel: str
    topic_id: UUID | None
    wording: str
    wording_language: str
    wording_version: int
    address_seen: str | None
    confirm_by: datetime
    path: str


class ConsentRequests(Output):
    """The requests that still wait to be confirmed, and the ids of which none does."""

    requests: list[ConsentRequest]
    missing: list[UUID]
