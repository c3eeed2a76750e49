"""The frozen files of the event contracts: a JSON Schema for each type, a sample of each, and the rule that neither may ever break."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from services.contracts import Event, FieldType, noun_of
from services.envelope import Envelope, schema_uri
from services.manifests import ROOT

SCHEMAS = ROOT / "docs" / "events"
SAMPLES = ROOT / "tests" / "contracts" / "samples"

Schema = dict[str, Any]
Ref = tuple[str, str]
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
EXACT = ("pattern", "multipleOf", "uniqueItems")
PARTS = (("items", "[]"), ("additionalProperties", ".*"), ("propertyNames", " (keys)"))
WORDS = ("$schema", "$id", "$defs", "title", "description", "default", "examples", "deprecated", "discriminator")
COMPARED = ("$ref", "anyOf", "oneOf", "type", "format", "enum", "const", "properties", "patternProperties", "required")
KNOWN = frozenset({*LOWER, *UPPER, *EXACT, *WORDS, *COMPARED, *(part for part, _ in PARTS)})

AN_ID = UUID("01980000-0000-7000-8000-000000000001")
AN_INSTANT = datetime(2026, 3, 2, 9, tzinfo=UTC)
EXAMPLES: dict[Any, Any] = {UUID: AN_ID, datetime: AN_INSTANT, AwareDatetime: AN_INSTANT, date: AN_INSTANT.date(), int: 1, bool: False}
TEXTS = {
    "code": "web",
    "currency": "USD",
    "country": "DE",
    "language": "de",
    "zone": "Europe/Berlin",
    "tag": "vip",
    "number": "0.25",
    "keyed_hash": "0123456789abcdef0123456789abcdef",
    "label": "Standard",
    "field_name": "tags",
    "scope": "orders:read",
}


class ContractBroken(RuntimeError):
    """A contract was changed so that events which are written already, or programs which read them, would break."""


def schema_of(contract: type[Event]) -> Schema:
    """The JSON Schema of the `data` of an event type."""
    schema = contract.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": schema_uri(contract.type), **schema}


def sample_of(contract: type[Event]) -> bytes:
    """A structured CloudEvent of a type with every field filled, as it is kept for ever."""
    data = contract.model_validate(_example(contract, [])).model_dump(mode="json")
    event = Envelope(
        id=AN_ID,
        type=contract.type,
        source=f"/mitra/{contract.type.partition('.')[0]}",
        subject=f"{noun_of(contract.type)}/{AN_ID}",
        tenant_id=AN_ID,
        sequence=1,
        partition_key=f"{AN_ID}:{AN_ID}",
        time=AN_INSTANT,
        recorded_at=AN_INSTANT,
        actor=f"user:{AN_ID}",
        correlation_id=str(AN_ID),
        causation_id=str(AN_ID),
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        data=data,
    )
    return json.dumps(json.loads(event.to_json()), indent=2, ensure_ascii=False).encode() + b"\n"


def write(contracts: Sequence[type[Event]], *, schemas: Path = SCHEMAS, samples: Path = SAMPLES) -> list[Path]:
    """Write what is missing or out of date, and answer it; a sample that is there is never written again.

    Raises ContractBroken, and writes nothing, when a schema that is frozen already would break.
    """
    frozen = {path.stem: json.loads(path.read_text()) for path in sorted(schemas.glob("*.json"))}
    current = {contract.type: schema_of(contract) for contract in contracts}
    broken = [f"{type_}: the type is gone" for type_ in frozen if type_ not in current]
    broken += [f"{type_}: {each}" for type_ in current if type_ in frozen for each in breaks(frozen[type_], current[type_])]
    if broken:
        raise ContractBroken("\n".join([*broken, "Within a major version fields may only be added, each with a default."]))
    wanted = {schemas / f"{type_}.json": _json(schema) for type_, schema in current.items() if frozen.get(type_) != schema}
    missing = [contract for contract in contracts if not (samples / f"{contract.type}.json").exists()]
    wanted |= {samples / f"{contract.type}.json": sample_of(contract) for contract in missing}
    for path, content in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return sorted(wanted)


def breaks(old: Schema, new: Schema) -> list[str]:
    """What a reader or an event of `old` would suffer from `new`: each field that is removed, renamed, retyped, newly required or
    narrowed, by its path (empty: compatible). What a schema says in a way that is not compared here is refused as well.
    """
    return list(_compare(old, new, "data", roots=(old, new), inside=frozenset()))


def _compare(old: Schema, new: Schema, path: str, *, roots: tuple[Schema, Schema], inside: frozenset[Ref]) -> Iterator[str]:
    before, after = _alternatives(old, roots[0]), _alternatives(new, roots[1])
    if {kind: len(found) for kind, found in before.items()} != {kind: len(found) for kind, found in after.items()}:
        yield f"{path}: retyped from {_kinds(before)} to {_kinds(after)}"
        return
    for kind, found in before.items():
        for (ref, one), (other_ref, other) in zip(found, after[kind], strict=True):
            if not (ref and other_ref and (ref, other_ref) in inside):
                yield from _narrowed(one, other, path)
                yield from _compare_parts(one, other, path, roots=roots, inside=inside | {(ref, other_ref)})


def _compare_parts(old: Schema, new: Schema, path: str, *, roots: tuple[Schema, Schema], inside: frozenset[Ref]) -> Iterator[str]:
    fields, changed = _fields(old), _fields(new)
    for name in fields:
        if name not in changed:
            yield f"{path}.{name}: removed"
        else:
            yield from _compare(fields[name], changed[name], f"{path}.{name}", roots=roots, inside=inside)
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield f"{path}.{name}: newly required"
    for name in sorted(new.keys() - KNOWN):
        yield f"{path}: {name} cannot be compared"
    for part, suffix in PARTS:
        if part in old or part in new:
            yield from _compare(old.get(part, {}), new.get(part, {}), path + suffix, roots=roots, inside=inside)


def _fields(schema: Schema) -> dict[str, Schema]:
    """The fields of an object by name, or by the pattern of its keys where they are free."""
    return {**schema.get("properties", {}), **schema.get("patternProperties", {})}


def _alternatives(schema: Schema, root: Schema) -> dict[str, list[tuple[str, Schema]]]:
    """The alternatives of a schema by their kind (type and format), each resolved, with the last reference that led to it."""
    found: dict[str, list[tuple[str, Schema]]] = defaultdict(list)
    for ref, each in _choices(schema, root):
        found[" ".join(filter(None, (each.get("type", "anything"), each.get("format"))))].append((ref, each))
    return found


def _kinds(alternatives: dict[str, list[tuple[str, Schema]]]) -> str:
    return " or ".join(sorted(kind for kind, found in alternatives.items() for _ in found))


def _choices(schema: Schema, root: Schema, ref: str = "") -> Iterator[tuple[str, Schema]]:
    while "$ref" in schema:
        ref = schema["$ref"]
        schema = root["$defs"][ref.rpartition("/")[2]]
    several = schema.get("anyOf", schema.get("oneOf"))
    if several is None:
        yield ref, schema
    else:
        for each in several:
            yield from _choices(each, root)


def _narrowed(old: Schema, new: Schema, path: str) -> Iterator[str]:
    before, after = (schema.get("enum", [schema["const"]] if "const" in schema else None) for schema in (old, new))
    if after is not None and (before is None or not set(before) <= set(after)):
        yield f"{path}: narrowed to {', '.join(map(str, after))}"
    for name in (*LOWER, *UPPER, *EXACT):
        if name not in new or new[name] == old.get(name):
            continue
        widened = name in old and ((name in LOWER and new[name] < old[name]) or (name in UPPER and new[name] > old[name]))
        if not widened:
            yield f"{path}: narrowed by {name} {new[name]}"


def _example(annotation: Any, marks: Sequence[Any]) -> Any:
    """A value of a contract's field, which is of the closed set of types."""
    named = [mark.name for mark in marks if isinstance(mark, FieldType)]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if named:
        return TEXTS[named[0]]
    if origin is Annotated:
        return _example(arguments[0], arguments[1:])
    if origin is Literal:
        return arguments[0]
    if origin in (Union, UnionType):
        return _example(next(part for part in arguments if part is not type(None)), [])
    if origin is list:
        return [_example(arguments[0], [])]
    if origin is dict:
        return {_example(arguments[0], []): _example(arguments[1], [])}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {name: _example(field.annotation, field.metadata) for name, field in annotation.model_fields.items()}
    return EXAMPLES[annotation]


def _json(schema: Schema) -> bytes:
    return json.dumps(schema, indent=2, ensure_ascii=False).encode() + b"\n"
