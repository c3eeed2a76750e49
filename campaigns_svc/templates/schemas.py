"""The wire shapes of templates."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from services.contracts import Language, nfc
from services.events.campaigns import Channel, TemplateState
from services.wire import NO_NUL, Input, Output, ShortText

from . import rules
from .values import Values


def _sound(names: list[str]) -> list[str]:
    if rules.RESERVED & set(names):
        raise PydanticCustomError("reserved_name", "contact and unsubscribe_url are given by us")
    return list(dict.fromkeys(names))


Subject = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[^\x00-\x1f\x7f]+$"), AfterValidator(nfc)]
Words = Annotated[str, StringConstraints(min_length=1, max_length=200_000, pattern=NO_NUL), AfterValidator(nfc)]
VariableName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
VariableNames = Annotated[list[VariableName], Field(max_length=50), AfterValidator(_sound)]
Value = Annotated[str, StringConstraints(max_length=2_000, pattern=NO_NUL), AfterValidator(nfc)]


class TemplateCreate(Input):
    """A new template, in Liquid. It knows `contact` (given_name, family_name, display_name, language, country), `unsubscribe_url`, and the
    `variables` that it declares, to which each campaign gives values.
    """

    name: ShortText
    channel: Channel = "email"
    language: Language | None = None
    subject: Subject
    text: Words = Field(description="the plain body, which every mail has")
    html: Words | None = Field(None, description="the HTML body; values are escaped")
    variables: VariableNames = []


class TemplatePatch(Input):
    """What may be changed of a draft."""

    name: ShortText = ""
    language: Language | None = None
    subject: Subject = ""
    text: Words = ""
    html: Words | None = None
    variables: VariableNames = []


class SampleContact(Input):
    """What is known of the contact that a template is shown for."""

    given_name: Value | None = None
    family_name: Value | None = None
    display_name: Value | None = None
    language: Value | None = None
    country: Value | None = None


class Sample(Input):
    """The values that a template is shown for."""

    contact: SampleContact = SampleContact()
    variables: dict[VariableName, Value] = Field({}, max_length=50)

    def values(self) -> Values:
        """As the words ask for them."""
        return {**self.variables, "contact": self.contact.model_dump()}


class RenderedRead(Output):
    """What a contact would read."""

    subject: str
    html: str | None
    text: str


class TemplateRead(TemplateState):
    """A template as its owner shows it."""

    version: int
    updated_at: datetime
    subject: str
    text: str
    html: str | None
