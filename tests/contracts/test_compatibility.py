"""The compatibility gate: every way of breaking a reader is found, and every addition passes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field, StringConstraints

from services.contract_files import ContractBroken, breaks, sample_of, schema_of, write
from services.contracts import Amount, Code, Contract, Count, Day, Event, FieldType, Instant, Label, State


class Part(Contract):
    sku: Code
    count: Count = 1


class ByCard(Contract):
    kind: Literal["card"] = "card"
    last: Count


class ByBank(Contract):
    kind: Literal["bank"] = "bank"
    days: Count
    part: Part


class Base(Contract):
    code: Code
    amount: Amount
    label: Label | None = None
    status: Literal["draft", "placed"]
    at: Instant
    parts: list[Part] = []
    part: Part | None = None
    counts: dict[Code, Count] = {}
    shares: Annotated[dict[Literal["ours", "theirs"], Count], Field(max_length=9)] = {}
    paid: Annotated[ByCard | ByBank, Field(discriminator="kind")] | None = None


KEYS = r"^[A-Za-z0-9][A-Za-z0-9_.:/#+-]{0,127}$"
ShortCode = Annotated[str, StringConstraints(pattern=r"^[a-z]{1,4}$"), FieldType("code")]
WideLabel = Annotated[str, StringConstraints(min_length=0, max_length=300, pattern=r"^[^\x00]*$"), FieldType("label")]
SmallLabel = Annotated[str, StringConstraints(min_length=2, max_length=100, pattern=r"^[^\x00]*$"), FieldType("label")]


def changed(**fields: Any) -> type[Contract]:
    """`Base` with other fields: (type, default), a type alone where it is required, None where it is gone."""
    annotations = {name: field.rebuild_annotation() for name, field in Base.model_fields.items()}
    defaults = {name: field.default for name, field in Base.model_fields.items() if not field.is_required()}
    for name, field in fields.items():
        annotations.pop(name, None)
        defaults.pop(name, None)
        if isinstance(field, tuple):
            annotations[name], defaults[name] = field
        elif field is not None:
            annotations[name] = field
    return type("Base", (Contract,), {"__annotations__": annotations, "__module__": __name__, **defaults})


def found(new: type[Contract]) -> list[str]:
    return breaks(Base.model_json_schema(), new.model_json_schema())


class PartWithoutCount(Contract):
    sku: Code


class PartWithMore(Contract):
    sku: Code
    count: Count = 1
    colour: Code | None = None


class ByBankWithoutDays(Contract):
    kind: Literal["bank"] = "bank"
    part: Part


class ByBankWithAnotherPart(Contract):
    kind: Literal["bank"] = "bank"
    days: Count
    part: PartWithoutCount


class PartThatAsksForMore(Contract):
    sku: Code
    count: Count
    colour: Code


PLANTED: list[tuple[dict[str, Any], list[str]]] = [
    ({"amount": None}, ["data.amount: removed"]),
    ({"amount": None, "amount_minor": Amount}, ["data.amount: removed", "data.amount_minor: newly required"]),
    ({"amount": None, "total": (Amount, 0)}, ["data.amount: removed"]),
    ({"amount": Code}, ["data.amount: retyped from integer to string"]),
    ({"at": Day}, ["data.at: retyped from string date-time to string date"]),
    ({"amount": (Amount | None, None)}, ["data.amount: retyped from integer to integer or null"]),
    ({"label": Label}, ["data.label: retyped from null or string to string", "data.label: newly required"]),
    ({"amount": Amount | Code}, ["data.amount: retyped from integer to integer or string"]),
    ({"extra": Code}, ["data.extra: newly required"]),
    ({"parts": list[Part]}, ["data.parts: newly required"]),
    ({"status": Literal["placed"]}, ["data.status: narrowed to placed"]),
    ({"status": Literal["draft", "set"]}, ["data.status: narrowed to draft, set"]),
    ({"code": Literal["a"]}, ["data.code: narrowed to a"]),
    ({"code": ShortCode}, ["data.code: narrowed by pattern ^[a-z]{1,4}$"]),
    ({"label": (SmallLabel | None, None)}, ["data.label: narrowed by minLength 2", "data.label: narrowed by maxLength 100"]),
    ({"amount": Count}, ["data.amount: narrowed by minimum 0"]),
    ({"parts": (Annotated[list[Part], Field(max_length=3)], [])}, ["data.parts: narrowed by maxItems 3"]),
    ({"parts": (list[PartWithoutCount], [])}, ["data.parts[].count: removed"]),
    ({"part": (PartWithoutCount | None, None)}, ["data.part.count: removed"]),
    (
        {"part": (PartThatAsksForMore | None, None)},
        ["data.part.colour: newly required", "data.part.count: newly required"],
    ),
    ({"parts": (list[Code], [])}, ["data.parts[]: retyped from object to string"]),
    ({"counts": (dict[Code, Code], {})}, [f"data.counts.{KEYS}: retyped from integer to string"]),
    ({"counts": (dict[ShortCode, Count], {})}, [f"data.counts.{KEYS}: removed"]),
    ({"shares": (Annotated[dict[Literal["ours"], Count], Field(max_length=9)], {})}, ["data.shares (keys): narrowed to ours"]),
    (
        {"shares": (Annotated[dict[Literal["ours", "theirs"], Count], Field(max_length=2)], {})},
        ["data.shares: narrowed by maxProperties 2"],
    ),
    ({"paid": (Annotated[ByCard | ByBankWithoutDays, Field(discriminator="kind")] | None, None)}, ["data.paid.days: removed"]),
    ({"paid": (Annotated[ByCard | ByBankWithAnotherPart, Field(discriminator="kind")] | None, None)}, ["data.paid.part.count: removed"]),
    ({"paid": (ByCard | None, None)}, ["data.paid: retyped from null or object or object to null or object"]),
    ({"counts": (dict[Code, Annotated[int, Field(ge=1)]], {})}, [f"data.counts.{KEYS}: narrowed by minimum 1"]),
]


@pytest.mark.parametrize(("fields", "wanted"), PLANTED, ids=lambda value: str(value)[:50])
def test_a_break_is_found_and_named(fields: dict[str, Any], wanted: Sequence[str]) -> None:
    assert found(changed(**fields)) == wanted


SOUND: list[dict[str, Any]] = [
    {},
    {"extra": (Code | None, None)},
    {"more": (list[Part], [])},
    {"status": Literal["draft", "placed", "paid"]},
    {"label": (WideLabel | None, None)},
    {"amount": int},
    {"amount": (Amount, 0)},
    {"parts": (list[PartWithMore], [])},
    {"part": (PartWithMore | None, None), "counts": (dict[Code, int], {})},
]


@pytest.mark.parametrize("fields", SOUND, ids=lambda value: str(value)[:50])
def test_an_addition_or_a_widening_passes(fields: dict[str, Any]) -> None:
    assert found(changed(**fields)) == []


def test_what_the_gate_does_not_know_is_refused() -> None:
    class Pair(Contract):
        pair: tuple[Code, Part]

    assert breaks(Pair.model_json_schema(), Pair.model_json_schema()) == ["data.pair: prefixItems cannot be compared"]


def test_schemas_that_hold_themselves_are_compared_to_their_end() -> None:
    class Tree(Contract):
        code: Code
        children: "list[Tree]" = []
        parent: "Tree | None" = None

    old = Tree.model_json_schema()
    new = json.loads(json.dumps(old).replace('"required": ["code"]', '"required": ["code", "children"]'))
    assert breaks(old, old) == []
    assert breaks(old, new) == ["data.children: newly required"]


class ThingState(State):
    code: Code


class ThingMade(Event):
    """A thing was made."""

    type: ClassVar[str] = "contractfiles.thing.made.v1"
    state: ThingState


def remade(defaults: dict[str, Any], **fields: Any) -> type[Event]:
    """The event `made` as somebody changed it, in the same module and under the same type."""
    state = type("ThingState", (State,), {"__annotations__": fields, "__module__": __name__, **defaults})
    attributes = {"__annotations__": {"type": ClassVar[str], "state": state}, "type": ThingMade.type, "__module__": __name__}
    return type("ThingMade", (Event,), attributes)


def test_schema_and_sample_are_written_once_and_the_sample_stays_for_ever(tmp_path: Path) -> None:
    folders = {"schemas": tmp_path / "schemas", "samples": tmp_path / "samples"}
    name = f"{ThingMade.type}.json"
    assert write([ThingMade], **folders) == [tmp_path / "samples" / name, tmp_path / "schemas" / name]
    assert write([ThingMade], **folders) == []
    sample = (tmp_path / "samples" / name).read_bytes()
    assert (json.loads((tmp_path / "schemas" / name).read_text()), sample) == (schema_of(ThingMade), sample_of(ThingMade))

    grown = remade({"tag": None}, code=Code, tag=Code | None)
    assert write([grown], **folders) == [tmp_path / "schemas" / name]
    assert (tmp_path / "samples" / name).read_bytes() == sample


def test_a_break_is_refused_whole_and_nothing_is_written(tmp_path: Path) -> None:
    folders = {"schemas": tmp_path / "schemas", "samples": tmp_path / "samples"}
    write([ThingMade], **folders)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    with pytest.raises(ContractBroken, match=rf"{ThingMade.type}: data\.state\.code: retyped from string to integer"):
        write([remade({}, code=Count)], **folders)
    with pytest.raises(ContractBroken, match=rf"{ThingMade.type}: the type is gone"):
        write([], **folders)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == before
