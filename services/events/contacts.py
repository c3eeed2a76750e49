"""What happens to contacts, without a name or an address in it."""

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from services.contracts import Amount, Code, Contract, Country, Currency, Event, ExternalId, Id, Instant, Language, State, Tag, Zone

ContactKind = Literal["person", "organization"]
Lifecycle = Literal["suspect", "prospect", "customer_active", "customer_inactive", "rest_of_world"]
ContactRole = Literal["customer", "partner", "supplier", "investor", "agent", "press"]


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
    """The public state of a contact; everything personal stays in contacts."""

    kind: ContactKind
    language: Language | None = None
    time_zone: Zone | None = None
    country: Country | None = None
    owner_id: Id | None = None
    team_ids: list[TeamRole] = []
    roles: list[ContactRole] = []
    lifecycle: Lifecycle = "suspect"
    lifecycle_since: Instant
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
