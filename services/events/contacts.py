"""What happens to contacts, without a name or an address in it."""

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from services.contracts import (
    Amount,
    Code,
    Contract,
    Count,
    Country,
    Currency,
    Event,
    ExternalId,
    Id,
    Instant,
    Label,
    Language,
    State,
    Tag,
    Zone,
)

ContactKind = Literal["person", "organization"]
Lifecycle = Literal["suspect", "prospect", "customer_active", "customer_inactive", "rest_of_world"]
ContactRole = Literal["customer", "partner", "supplier", "investor", "agent", "press"]
ConsentStatus = Literal["unknown", "pending", "granted", "withdrawn", "expired"]


class TeamRole(Contract):
    """A team of the account and the role that it plays."""

    team_id: Id
    role: Code


class Origin(Contract):
    """Where a contact comes from."""

    source: Code
    campaign_id: Id | None = None
    form_id: Id | None = None
    import_id: Id | None = None


class ContactState(State):
    """The public state of a contact; everything personal stays in contacts.

    `lifecycle_override` is why the lifecycle was set by hand; while it is there no rule moves it.
    """

    kind: ContactKind
    language: Language | None = None
    time_zone: Zone | None = None
    country: Country | None = None
    owner_id: Id | None = None
    team_ids: list[TeamRole] = []
    roles: list[ContactRole] = []
    lifecycle: Lifecycle = "suspect"
    lifecycle_since: Instant
    lifecycle_override: Code | None = None
    industry: Code | None = None
    size_band: Code | None = None
    preferred_channel: Code | None = None
    preferred_agent_id: Id | None = None
    persona: Code | None = None
    potential_minor: Amount | None = None
    currency: Currency | None = None
    origin: Origin
    tags: list[Tag] = []
    external_ids: list[ExternalId] = []


class ContactCreated(Event):
    """A person or organization is known for the first time. Emitted once, as the subject's first event."""

    type: ClassVar[str] = "contacts.contact.created.v1"
    state: ContactState


class ContactUpdated(Event):
    """Fields changed; `changed` may name personal fields, whose values stay with their owner."""

    type: ClassVar[str] = "contacts.contact.updated.v1"
    state: ContactState


class ContactArchived(Event):
    """Hidden from lists."""

    type: ClassVar[str] = "contacts.contact.archived.v1"
    state: ContactState


class ContactRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "contacts.contact.restored.v1"
    state: ContactState


class ContactLifecycleChanged(Event):
    """The contact moved in the pyramid: by a rule, by hand (`reason_code` may say why), or by an order (`cause_event_id`)."""

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)  # `from` is a word of Python
    type: ClassVar[str] = "contacts.contact.lifecycle_changed.v1"
    state: ContactState
    from_: Lifecycle = Field(alias="from")
    to: Lifecycle
    reason: Literal["rule", "manual", "order"]
    reason_code: Code | None = None
    cause_event_id: Id | None = None


class ContactOwnerChanged(Event):
    """The contact has a new owner or account team (other fields may have changed with it: `changed` names them all)."""

    type: ClassVar[str] = "contacts.contact.owner_changed.v1"
    state: ContactState
    from_owner_id: Id | None = None
    to_owner_id: Id | None = None


class WordingVersion(Contract):
    """A version of what people are asked, in one language; the text stays in contacts."""

    language: Language
    version: Count


class ConsentPurposeState(State):
    """What consents are for: its key (which never changes), the channels that may be asked for, and how long a consent holds."""

    key: Code
    name: Label
    channels: list[Code]
    valid_days: Count | None = None
    wordings: list[WordingVersion]
    external_ids: list[ExternalId] = []


class ConsentPurposeCreated(Event):
    """People may be asked for a new purpose. Emitted once, as the subject's first event."""

    type: ClassVar[str] = "contacts.consent_purpose.created.v1"
    state: ConsentPurposeState


class ConsentPurposeUpdated(Event):
    """Fields changed, or the wording has a new version."""

    type: ClassVar[str] = "contacts.consent_purpose.updated.v1"
    state: ConsentPurposeState


class ConsentPurposeArchived(Event):
    """Nobody is asked for it any more; consents that there are stay."""

    type: ClassVar[str] = "contacts.consent_purpose.archived.v1"
    state: ConsentPurposeState


class ConsentPurposeRestored(Event):
    """People may be asked for it again."""

    type: ClassVar[str] = "contacts.consent_purpose.restored.v1"
    state: ConsentPurposeState


class ConsentProof(Contract):
    """What shows that the contact agreed: when, and by which form, import or confirmed request. The address stays in contacts."""

    kind: Literal["form", "import", "confirmation", "statement"]
    at: Instant
    form_id: Id | None = None
    import_id: Id | None = None


class ConsentState(State):
    """Whether a contact agrees to hear of one purpose through one channel (about one topic, where `topic_id` names it).

    `unknown` is a request that was never confirmed; who has no consent at all is in the same position. The wording that was agreed to
    is a version of the purpose's text in `wording_language`.
    """

    contact_id: Id
    purpose: Code
    channel: Code
    topic_id: Id | None = None
    status: ConsentStatus
    wording_version: Count
    wording_language: Language | None = None
    source: Code
    proof: ConsentProof | None = None
    expires_at: Instant | None = None


class ConsentRequested(Event):
    """The contact is to be asked to confirm, until `confirm_by`; the link to it is asked of contacts by who sends the mail."""

    type: ClassVar[str] = "contacts.consent.requested.v1"
    state: ConsentState
    confirm_by: Instant


class ConsentGranted(Event):
    """The contact agrees: by confirming, or by another proof."""

    type: ClassVar[str] = "contacts.consent.granted.v1"
    state: ConsentState


class ConsentWithdrawn(Event):
    """The contact no longer agrees. Only a new proof brings the consent back."""

    type: ClassVar[str] = "contacts.consent.withdrawn.v1"
    state: ConsentState
    reason_code: Code | None = None
    campaign_id: Id | None = None


class ConsentExpired(Event):
    """The end of a consent has come (status `expired`), or nobody confirmed in time (status `unknown`)."""

    type: ClassVar[str] = "contacts.consent.expired.v1"
    state: ConsentState


CONTACT_EVENTS: tuple[type[Event], ...] = (
    ContactCreated,
    ContactUpdated,
    ContactArchived,
    ContactRestored,
    ContactLifecycleChanged,
    ContactOwnerChanged,
)
CONSENT_EVENTS: tuple[type[Event], ...] = (ConsentRequested, ConsentGranted, ConsentWithdrawn, ConsentExpired)
CONSENT_PURPOSE_EVENTS: tuple[type[Event], ...] = (
    ConsentPurposeCreated,
    ConsentPurposeUpdated,
    ConsentPurposeArchived,
    ConsentPurposeRestored,
)
