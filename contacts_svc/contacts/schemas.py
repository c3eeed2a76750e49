"""The wire shapes of a contact: what may be sent, what is shown, and how one is asked for."""

import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from services.contracts import Amount, Bps, Code, ExternalId, Tag
from services.events.contacts import ContactKind, ContactRole, ContactState
from services.wire import NO_NUL, ExternalIds, Input, Output, ShortText, distinct

from . import normal_forms
from .rules import BLANK, MOST_ENTRIES


def _nfc(value: object) -> object:
    return unicodedata.normalize("NFC", value.strip()) if isinstance(value, str) else value


def _sorted_set(values: list[str]) -> list[str]:
    return sorted(set(values))


def _in_normal_form(
    normal: Callable[[str], str | None], code: Literal["email", "language", "country", "currency", "zone", "website"]
) -> Any:
    def check(text: str) -> str:
        found = normal(text)
        if found is None:
            raise PydanticCustomError(code, "This is no {what}", {"what": WHAT[code]})
        return found

    return AfterValidator(check)


WHAT = {
    "email": "e-mail address (local@domain.tld, at most 254 bytes)",
    "language": "language tag (BCP 47, such as pt-BR)",
    "country": "country code (ISO-3166 alpha-2)",
    "currency": "currency code (ISO-4217)",
    "zone": "time zone of the IANA database",
    "website": "address of a website (http:// or https://)",
}
BriefText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40, pattern=NO_NUL), BeforeValidator(_nfc)]
EmailAddress = Annotated[str, StringConstraints(max_length=320), _in_normal_form(normal_forms.email_address, "email")]
LanguageTag = Annotated[str, StringConstraints(max_length=64), _in_normal_form(normal_forms.language_tag, "language")]
CountryCode = Annotated[str, StringConstraints(max_length=2), _in_normal_form(normal_forms.country_code, "country")]
CurrencyCode = Annotated[str, StringConstraints(max_length=3), _in_normal_form(normal_forms.currency_code, "currency")]
ZoneName = Annotated[str, StringConstraints(max_length=64), _in_normal_form(normal_forms.time_zone, "zone")]
Website = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), _in_normal_form(normal_forms.website, "website")]
PhoneText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=NO_NUL)]
Tags = Annotated[list[Annotated[Tag, BeforeValidator(_nfc)]], Field(max_length=50), AfterValidator(distinct)]
Roles = Annotated[list[ContactRole], Field(max_length=20), AfterValidator(_sorted_set)]
Texts = Annotated[list[ShortText], Field(max_length=50), AfterValidator(distinct)]


class Email(Input):
    """An e-mail address, kept lower-cased."""

    address: EmailAddress
    label: BriefText | None = None
    primary: bool = False
    status: Literal["ok", "invalid", "bounced"] = "ok"


class Phone(Input):
    """A telephone number: `e164` is worked out from `raw` (national where it has no +) and the contact's country, unless it is sent."""

    raw: PhoneText | None = None
    e164: PhoneText | None = None
    label: BriefText | None = None
    primary: bool = False
    do_not_call: bool = False


class Address(Input):
    """A postal address."""

    lines: Annotated[list[ShortText], Field(max_length=6)] = []
    city: ShortText | None = None
    region: ShortText | None = None
    postal_code: BriefText | None = None
    country: CountryCode | None = None
    label: BriefText | None = None
    primary: bool = False


class TeamMember(Input):
    """A team of the account and its role."""

    team_id: UUID
    role: Code


class Preferences(Input):
    """What people know of a contact's wishes; a list that is not sent stays as it is."""

    likes: Texts | None = None
    dislikes: Texts | None = None
    competitor_products: Texts | None = None
    expectations: Texts | None = None


class NewOrigin(Input):
    """Where a contact comes from; said once, at its birth."""

    source: Code = "api"
    campaign_id: UUID | None = None
    form_id: UUID | None = None
    import_id: UUID | None = None


class ContactPatch(Input):
    """What may be changed of a contact: a field that is not sent stays, null clears it, lists are replaced."""

    kind: ContactKind = "person"
    display_name: ShortText | None = Field(None, description="Worked out from the names where it is not given")
    given_name: ShortText | None = None
    family_name: ShortText | None = None
    legal_name: ShortText | None = None
    emails: list[Email] | None = Field(None, max_length=MOST_ENTRIES)
    phones: list[Phone] | None = Field(None, max_length=MOST_ENTRIES)
    addresses: list[Address] | None = Field(None, max_length=MOST_ENTRIES)
    birth_on: date | None = None
    website: Website | None = None
    preferences: Preferences | None = None
    language: LanguageTag | None = None
    time_zone: ZoneName | None = None
    country: CountryCode | None = None
    owner_id: UUID | None = None
    team_ids: Annotated[list[TeamMember], Field(max_length=50)] | None = None
    roles: Roles | None = None
    industry: Code | None = None
    size_band: Code | None = None
    preferred_channel: Code | None = None
    preferred_agent_id: UUID | None = None
    persona: Code | None = None
    potential_minor: Annotated[Amount, Field(ge=0)] | None = None
    currency: CurrencyCode | None = None
    tags: Tags | None = None
    external_ids: ExternalIds | None = None

    def sent(self) -> dict[str, Any]:
        """The fields that the caller named, as plain values in the shape of the table."""
        plain = self.model_dump(include=self.model_fields_set & BLANK.keys())
        if "preferences" in plain and self.preferences is not None:
            plain["preferences"] = self.preferences.model_dump(exclude_unset=True)
        if plain.get("team_ids"):
            plain["team_ids"] = [{"team_id": str(entry["team_id"]), "role": entry["role"]} for entry in plain["team_ids"]]
        return plain


class ContactCreate(ContactPatch):
    """A new contact. An upsert of a known one changes what is sent, as a patch does, and leaves the origin alone."""

    origin: NewOrigin = Field(default_factory=NewOrigin)


class ContactAssignment(Input):
    """Whose a contact is; what is not sent stays."""

    owner_id: UUID | None = None
    team_ids: Annotated[list[TeamMember], Field(max_length=50)] | None = None

    def sent(self) -> dict[str, Any]:
        """The fields that the caller named, in the shape of the table."""
        return ContactPatch.model_validate(self.model_dump(exclude_unset=True)).sent()


class EmailRead(Output):
    """An e-mail address of a contact."""

    address: str
    label: str | None
    primary: bool
    status: str


class PhoneRead(Output):
    """A telephone number of a contact, as it was written and in E.164."""

    e164: str
    raw: str
    label: str | None
    primary: bool
    do_not_call: bool


class AddressRead(Output):
    """A postal address of a contact."""

    lines: list[str]
    city: str | None
    region: str | None
    postal_code: str | None
    country: str | None
    label: str | None
    primary: bool


class PreferencesRead(Output):
    """What people know of a contact's wishes."""

    likes: list[str]
    dislikes: list[str]
    competitor_products: list[str]
    expectations: list[str]


class ContactRead(ContactState):
    """A contact as its owner shows it: its public state and all that is personal."""

    version: int
    updated_at: datetime
    display_name: str
    given_name: str | None
    family_name: str | None
    legal_name: str | None
    emails: list[EmailRead]
    phones: list[PhoneRead]
    addresses: list[AddressRead]
    birth_on: date | None
    website: str | None
    preferences: PreferencesRead


class Clues(Input):
    """What is known of one party that may be a contact."""

    ids: list[UUID] = Field(default=[], max_length=MOST_ENTRIES)
    external_ids: list[ExternalId] = Field(default=[], max_length=MOST_ENTRIES)
    email: EmailAddress | None = None
    phone: PhoneText | None = None
    country: CountryCode | None = Field(None, description="Of a phone that is written as a national number")


class Candidate(Output):
    """A contact that the clues point to, and which of them."""

    contact_id: UUID
    confidence_bps: Bps
    matched_by: list[Literal["id", "external_id", "email", "phone"]]


class Resolution(Output):
    """The contact that the clues mean: the surest candidate, or none where two are equally sure."""

    contact_id: UUID | None
    confidence_bps: Bps
    candidates: list[Candidate]


class ContactIds(Input):
    """The contacts that another service must reach."""

    ids: list[UUID] = Field(min_length=1, max_length=500)


class Reachable(Output):
    """How a contact is called and reached, at the moment of use."""

    id: UUID
    display_name: str
    given_name: str | None
    family_name: str | None
    emails: list[EmailRead]
    phones: list[PhoneRead]
    language: str | None
    time_zone: str | None
    country: str | None
    archived: bool


class Reached(Output):
    """The contacts that are known, and the ids that are not."""

    contacts: list[Reachable]
    missing: list[UUID]
