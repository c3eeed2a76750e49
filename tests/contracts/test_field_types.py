"""The closed set of field types: what each accepts, and that nothing outside the set gets into a contract."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError

from services import contracts
from services.contracts import Code, Contract, Event, FieldType, Instant, Label, State, free_text_fields, noun_of, topic_of
from services.events.platform import TenantCreated
from services.manifests import discover

ACCEPTED: list[tuple[Any, list[Any]]] = [
    (contracts.Code, ["a", "web", "ab:c/d#e-f+1.x", "A" * 128]),
    (contracts.Currency, ["USD", "JPY"]),
    (contracts.Country, ["DE"]),
    (contracts.Language, ["de", "zh-Hant-TW"]),
    (contracts.Zone, ["UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5"]),
    (contracts.Tag, ["vip", "höchste Stufe", "x" * 40]),
    (contracts.Number, ["0", "-1.5", "123456789012345678.000000000000000001"]),
    (contracts.KeyedHash, ["0" * 32, "abcdef0123456789" * 4]),
    (contracts.Label, ["Proposal sent", "ä" * 200]),
    (contracts.FieldName, ["label", "custom.tier"]),
    (contracts.Amount, [-(2**53), 0, 2**53]),
    (contracts.Count, [0, 2**53]),
    (contracts.Bps, [0, 10_000]),
]
REFUSED: list[tuple[Any, list[Any]]] = [
    (contracts.Code, ["", "-a", "two words", "anna@example.org", "A" * 129, "a\n"]),
    (contracts.Currency, ["usd", "US", "USDX", "USD\n"]),
    (contracts.Country, ["de", "DEU"]),
    (contracts.Language, ["d", "de_DE", "x" * 36]),
    (contracts.Zone, ["", "+05:00", "a b"]),
    (contracts.Tag, ["", " x", "x" * 41, "a\x00"]),
    (contracts.Number, ["", "1e5", ".5", "1.", "NaN"]),
    (contracts.KeyedHash, ["0" * 31, "g" * 32, "A" * 32, "0" * 65]),
    (contracts.Label, ["", "x" * 201, "a\x00"]),
    (contracts.FieldName, ["", "Label", "a b", "1a"]),
    (contracts.Amount, [2**53 + 1, 1.5, "x"]),
    (contracts.Count, [-1]),
    (contracts.Bps, [-1, 10_001]),
    (contracts.Instant, ["2026-03-02T09:00:00", "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"]),
]
OURS = [contract for manifest in discover() for contract in manifest.contracts]


@pytest.mark.parametrize(("kind", "values"), ACCEPTED)
def test_a_field_type_takes_what_it_is_for(kind: Any, values: list[Any]) -> None:
    for value in values:
        assert TypeAdapter(kind).validate_python(value) == value


@pytest.mark.parametrize(("kind", "values"), REFUSED)
def test_a_field_type_refuses_what_it_is_not_for(kind: Any, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(value)


def test_an_instant_is_the_same_in_utc() -> None:
    read = TypeAdapter(Instant).validate_python("2026-03-02T09:00:00+05:00")
    assert (read, read.tzinfo) == (datetime(2026, 3, 2, 4, tzinfo=UTC), UTC)


@pytest.mark.parametrize("contract", OURS, ids=lambda contract: contract.type)
def test_no_contract_of_a_service_carries_free_text(contract: type[Event]) -> None:
    assert free_text_fields(contract) == []


class Inner(Contract):
    note: str
    sound: Code | None = None


PLANTED: list[tuple[Any, list[str]]] = [
    (str, ["field"]),
    (str | None, ["field"]),
    (Annotated[str, Field(max_length=3)], ["field"]),
    (list[str], ["field"]),
    (dict[str, int], ["field"]),
    (tuple[Code, str], ["field"]),
    (Any, ["field"]),
    (object, ["field"]),
    (float, ["field"]),
    (bytes, ["field"]),
    (Inner, ["field.note"]),
    (list[Inner | None], ["field.note"]),
    (dict[Code, Inner], ["field.note"]),
    (Code | Inner | Label, ["field.note"]),
]


@pytest.mark.parametrize(("annotation", "found"), PLANTED, ids=lambda value: str(value)[:40])
def test_free_text_is_found_however_deep_it_is_planted(annotation: Any, found: list[str]) -> None:
    planted = type("Planted", (Contract,), {"__annotations__": {"sound": Code, "field": annotation}, "__module__": __name__})
    assert free_text_fields(planted) == found


def test_every_sound_type_passes() -> None:
    class Sound(State):
        at: Instant
        aware: AwareDatetime
        kind: Literal["a", "b"]
        codes: list[Code]
        amounts: dict[Code, int] = {}
        marked: Annotated[str, FieldType("label")]

    assert free_text_fields(Sound) == []


def test_a_type_name_has_its_form_and_one_owner() -> None:
    for wrong in ("demo.thing.v1", "demo.thing.used", "Demo.thing.used.v1", "demo.thing.used.v0", "crm.demo.thing.used.v1"):
        with pytest.raises(TypeError, match="no event type"):
            type("Wrong", (Event,), {"type": wrong, "__annotations__": {"type": ClassVar[str]}, "__module__": __name__})
    taken = TenantCreated.type
    with pytest.raises(TypeError, match="is taken by"):
        type("Taken", (Event,), {"type": taken, "__annotations__": {"type": ClassVar[str]}, "__module__": __name__})
    assert (topic_of("demo.thing.used.v1"), noun_of("demo.thing.used.v1")) == ("crm.demo", "thing")


def test_a_state_is_a_model_with_the_fields_of_every_state() -> None:
    for contract in OURS:
        state = contract.model_fields["state"].annotation
        assert isinstance(state, type)
        assert issubclass(state, State), contract.type
        assert issubclass(state, BaseModel)
