"""Every event type has a frozen schema and a sample that is readable for ever."""

import importlib
import json
import pkgutil
from pathlib import Path

import jsonschema_rs
import pytest
from demo_svc.manifest import manifest as demo

from services import events
from services.contract_files import SAMPLES, SCHEMAS, breaks, sample_of, schema_of
from services.contracts import REGISTRY, Event
from services.envelope import Envelope
from services.manifests import discover

OURS = [contract for manifest in discover() for contract in manifest.contracts]
KNOWN = {contract.type: contract for contract in OURS}
WRITTEN = sorted(path.stem for path in SAMPLES.glob("*.json"))
FROZEN = sorted(path.stem for path in SCHEMAS.glob("*.json"))


def check_sample(contract: type[Event], raw: bytes) -> None:
    """A reader of today understands all of an event that was written when the sample was."""
    envelope = Envelope.from_json(raw)
    assert (envelope.type, contract.type) == (contract.type, envelope.type)
    assert envelope.subject.startswith(f"{contract.type.split('.')[1]}/")
    read = contract.model_validate(envelope.data).model_dump(mode="json")
    assert not list(_lost(envelope.data, read, "data"))


def _lost(old: object, new: object, path: str) -> list[str]:
    """The fields of a sample that a reader of today does not see, or sees as another value."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [lost for name in old for lost in (_lost(old[name], new[name], f"{path}.{name}") if name in new else [f"{path}.{name}"])]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [lost for one, other in zip(old, new, strict=True) for lost in _lost(one, other, f"{path}[]")]
    return [] if old == new else [path]


@pytest.mark.parametrize("contract", OURS, ids=lambda contract: contract.type)
def test_a_type_has_a_sample_and_a_frozen_schema(contract: type[Event]) -> None:
    sample = f"tests/contracts/samples/{contract.type}.json"
    assert contract.type in WRITTEN, f"{sample} is missing: run `mitra contracts`, look at what it wrote, commit it, never change it"
    assert contract.type in FROZEN, f"docs/events/{contract.type}.json is missing: run `mitra contracts` and commit what it wrote"


@pytest.mark.parametrize("type_", FROZEN)
def test_a_frozen_schema_is_compatible_and_up_to_date(type_: str) -> None:
    frozen = json.loads((SCHEMAS / f"{type_}.json").read_text())
    assert type_ in KNOWN, f"{type_} was published once and no manifest names it any more: a type stays within its major version"
    assert breaks(frozen, schema_of(KNOWN[type_])) == [], "within a major version fields may only be added, each with a default"
    assert frozen == schema_of(KNOWN[type_]), "the contract has grown: run `mitra contracts` and commit what it wrote"


@pytest.mark.parametrize("type_", WRITTEN)
def test_a_sample_is_readable_by_class_and_by_schema(type_: str) -> None:
    assert type_ in KNOWN, f"{type_} was published once and nobody can read it any more"
    raw = (SAMPLES / f"{type_}.json").read_bytes()
    check_sample(KNOWN[type_], raw)
    schema = json.loads((SCHEMAS / f"{type_}.json").read_text())
    assert json.loads(raw)["dataschema"] == schema["$id"]
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(json.loads(raw)["data"])


@pytest.mark.parametrize("contract", demo.contracts, ids=lambda contract: contract.type)
def test_a_new_sample_has_every_field_filled(contract: type[Event]) -> None:
    sample = json.loads(sample_of(contract))
    check_sample(contract, sample_of(contract))
    state = contract.model_fields["state"].annotation
    assert state is not None
    assert set(sample["data"]) == set(contract.model_fields)
    assert set(sample["data"]["state"]) == set(state.model_fields)
    assert all(value is not None for value in sample["data"]["state"].values())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"label"', '"caption"'),
        ('"amount_minor": 1', '"amount_minor": "1"'),
        ('"demo.thing.used.v1"', '"demo.thing.broken.v1"'),
        ('"status": "new"', '"status": "sold"'),
    ],
)
def test_a_sample_that_nobody_can_read_is_found(old: str, new: str) -> None:
    contract = next(contract for contract in demo.contracts if contract.type == "demo.thing.used.v1")
    raw = sample_of(contract)
    assert old.encode() in raw
    with pytest.raises((AssertionError, ValueError)):
        check_sample(contract, raw.replace(old.encode(), new.encode()))


def test_every_declared_event_belongs_to_exactly_one_manifest() -> None:
    for module in pkgutil.iter_modules(events.__path__):
        importlib.import_module(f"services.events.{module.name}")
    declared = {type_ for type_, contract in REGISTRY.items() if contract.__module__.startswith("services.events.")}
    named = [contract.type for contract in OURS]
    assert sorted(named) == sorted(declared)


def test_the_marks_of_the_closed_set_are_given_in_one_place() -> None:
    for path in Path(events.__path__[0]).glob("*.py"):
        assert "FieldType" not in path.read_text(), f"{path.name} widens the closed set: declare the type in services/contracts.py"
