"""What an event may carry: the contract base classes, the closed set of field types, and the registry of event types."""

import re
import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

TYPE_NAME = re.compile(r"(?P<service>[a-z]+)\.(?P<noun>[a-z_]+)\.(?P<fact>[a-z_]+)\.v(?P<major>[1-9][0-9]*)")


class FieldType:
    """Marks a string type as one of the closed set; free text carries no mark and is refused in a contract."""

    def __init__(self, name: str) -> None:
        self.name = name


def _to_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("an instant outside the years 1 to 9999 in UTC") from error


def nfc(value: Any) -> Any:
    """The normal form C of a text: two spellings that look the same are the same. What is no text is left for others to refuse.

    It stands before the limits on length, because the normal form of a few letters is longer than they are.
    """
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


Id = UUID
Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
Day = date
Amount = Annotated[int, Field(ge=-(2**53), le=2**53)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Bps = Annotated[int, Field(ge=0, le=10_000)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/#+-]{0,127}$"), FieldType("code")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), FieldType("currency")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), FieldType("country")]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35), FieldType("language")]
Zone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_+/-]{0,63}$"), FieldType("zone")]
Tag = Annotated[str, StringConstraints(pattern=r"^[^\s\x00][^\x00]{0,39}$"), BeforeValidator(nfc), FieldType("tag")]
Number = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,18}(\.[0-9]{1,18})?$"), FieldType("number")]
KeyedHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32,64}$"), FieldType("keyed_hash")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$"), BeforeValidator(nfc), FieldType("label")]
Scope = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9-]{0,62}:(\*|[a-z]{1,32}))$"), FieldType("scope")]
FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,63}$"), FieldType("field_name")]


class Contract(BaseModel):
    """A value inside an event. Readers ignore fields that they do not know, so that a field may be added."""

    model_config = ConfigDict(frozen=True, extra="ignore", from_attributes=True)


class ExternalId(Contract):
    """What `source` (another system) calls a record. A code, never a name or an address."""

    source: Code
    id: Code


class State(Contract):
    """The whole public state of a subject after a change; the read schema of its noun extends it."""

    id: Id
    created_at: Instant
    archived_at: Instant | None = None


class Event(Contract):
    """A fact about one subject. `state` is what is true after it; `changed` names the fields that it changed (empty at a birth)."""

    type: ClassVar[str] = ""
    state: State
    changed: list[FieldName] = []

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if not cls.type:
            return
        if not TYPE_NAME.fullmatch(cls.type):
            raise TypeError(f"{cls.__name__}: {cls.type!r} is no event type of the form service.noun.past_tense.v1")
        if REGISTRY.setdefault(cls.type, cls) is not cls and REGISTRY[cls.type].__module__ != cls.__module__:
            raise TypeError(f"{cls.__name__}: the type {cls.type} is taken by {REGISTRY[cls.type].__module__}")


REGISTRY: dict[str, type[Event]] = {}


def topic_of(event_type: str) -> str:
    """The topic of an event type: `crm.` and its service."""
    return f"crm.{event_type.partition('.')[0]}"


def noun_of(event_type: str) -> str:
    """The noun of an event type, which is the first half of its subject."""
    return event_type.split(".", 2)[1]


def free_text_fields(contract: type[BaseModel]) -> list[str]:
    """The dotted names of the fields of a contract whose type is not in the closed set (empty for a sound contract)."""
    found: list[str] = []
    for name, field in contract.model_fields.items():
        found += [f"{name}{rest}" for rest in _outside_closed_set(field.annotation, field.metadata)]
    return found


def _outside_closed_set(annotation: Any, marks: list[Any]) -> list[str]:
    if any(isinstance(mark, FieldType) for mark in marks):
        return []
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *inner_marks = get_args(annotation)
        return _outside_closed_set(inner, inner_marks)
    if origin is Literal:
        return []
    if origin is not None:
        return [found for part in get_args(annotation) for found in _outside_closed_set(part, [])]
    if annotation in (UUID, int, bool, date, datetime, AwareDatetime, type(None), Ellipsis):
        return []
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [f".{name}" for name in free_text_fields(annotation)]
    return [""]
