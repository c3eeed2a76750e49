"""The types of the HTTP wire: input that names every unknown field, and text that is safe to store and to compare."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from services.contracts import nfc

NO_NUL = r"^[^\x00]*$"
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NO_NUL), AfterValidator(nfc)]
LongText = Annotated[str, StringConstraints(max_length=10_000, pattern=NO_NUL), AfterValidator(nfc)]


class Input(BaseModel):
    """A request body: a field that it does not know is an error, not a silent loss."""

    model_config = ConfigDict(extra="forbid")


class Output(BaseModel):
    """An answer that is no event state."""

    model_config = ConfigDict(from_attributes=True)
