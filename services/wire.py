"""The types of the HTTP wire: input that names every unknown field, and text that is safe to store and to compare."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.contracts import ExternalId, Tag, nfc

NO_NUL = r"^[^\x00]*$"
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NO_NUL), AfterValidator(nfc)]
LongText = Annotated[str, StringConstraints(max_length=10_000, pattern=NO_NUL), AfterValidator(nfc)]


def distinct(values: list[Any]) -> list[Any]:
    """Each value once, in the order of their first coming."""
    return list(dict.fromkeys(values))


def absent() -> Any:
    """Stands for a field of a patch that was not sent; it is never read."""
    return None


Tags = Annotated[list[Tag], Field(max_length=50), AfterValidator(distinct)]
ExternalIds = Annotated[list[ExternalId], Field(max_length=20), AfterValidator(distinct)]


class Input(BaseModel):
    """A request body: a field that it does not know is an error, not a silent loss."""

    model_config = ConfigDict(extra="forbid")


class Output(BaseModel):
    """An answer that is no event state."""

    model_config = ConfigDict(from_attributes=True)
