"""The wire shapes of consent purposes."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from contacts_svc.contacts.schemas import LanguageTag
from services.contracts import Label
from services.events.contacts import ConsentPurposeState, WordingVersion
from services.wire import NO_NUL, ExternalIds, Input, distinct

from .rules import MOST_WORDINGS

PurposeKey = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Channel = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Channels = Annotated[list[Channel], Field(min_length=1, max_length=20), AfterValidator(distinct)]
WordingText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000, pattern=NO_NUL)]


class NewWording(Input):
    """What people are asked in one language: the next version of it."""

    language: LanguageTag
    text: WordingText


class ConsentPurposeCreate(Input):
    """A new purpose, with its first wordings. The key is fixed."""

    key: PurposeKey
    name: Label
    channels: Channels
    valid_days: int | None = Field(None, ge=1, le=36_500, description="How long a consent holds that names no end")
    wordings: list[NewWording] = Field(min_length=1, max_length=MOST_WORDINGS)
    external_ids: ExternalIds = []


class ConsentPurposePatch(Input):
    """What may be changed of a purpose. Its wording is not: it gets a new version by a verb of its own."""

    name: Label = ""
    channels: Channels = []
    valid_days: int | None = Field(None, ge=1, le=36_500)
    external_ids: ExternalIds = []


class WordingRead(WordingVersion):
    """A wording with its text and since when it is asked."""

    text: str
    since: datetime


class ConsentPurposeRead(ConsentPurposeState):
    """A purpose as its owner shows it."""

    version: int
    updated_at: datetime
    wordings: list[WordingRead]  # type: ignore[assignment]  # a list is invariant, but this one is only read
