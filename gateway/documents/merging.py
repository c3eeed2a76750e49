"""One OpenAPI document out of many: values in, a value out."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

Document = dict[str, Any]

SCHEMAS = "#/components/schemas/"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def merge_documents(documents: Mapping[str, Document]) -> Document:
    """The document of all services from theirs, by service name. An operation id is unique, one that two services use gets the service's
    name before it; so does a schema that two services call the same and mean differently. Every operation takes a bearer key.
    """
    taken: set[str] = set()
    merged: Document = {
        "openapi": "3.1.0",
        "info": {"title": "Mitra", "version": "1"},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [],
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "An API key"}}},
    }
    for name, own in with_names_apart(documents).items():
        merged["components"]["schemas"].update(own.get("components", {}).get("schemas", {}))
        for path, item in own.get("paths", {}).items():
            _take_operations(merged["paths"].setdefault(path, {}), item, service=name, taken=taken)
    tags = {tag for _, operation in operations_of(merged) for tag in operation.get("tags", [])}
    merged["tags"] = [{"name": tag} for tag in sorted(tags)]
    merged["paths"] = dict(sorted(merged["paths"].items()))
    return merged


def with_names_apart(documents: Mapping[str, Document]) -> dict[str, Document]:
    """Copies of the documents, in the order of their services, in which a schema's name means the same in all of them: where it did not,
    the service's name stands before it.
    """
    ambiguous = _ambiguous_schemas(documents)
    return {
        name: _renamed(document, {schema: f"{name.capitalize()}{schema}" for schema in ambiguous})
        for name, document in sorted(documents.items())
    }


def operations_of(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every operation of a document, as (`METHOD path`, operation)."""
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                yield f"{method.upper()} {path}", item[method]


def _take_operations(target: dict[str, Any], item: dict[str, Any], *, service: str, taken: set[str]) -> None:
    for method, operation in item.items():
        if method in METHODS:
            operation_id = operation.get("operationId", "")
            if operation_id in taken:
                operation_id = operation["operationId"] = f"{service}.{operation_id}"
            taken.add(operation_id)
        target.setdefault(method, operation)


def _ambiguous_schemas(documents: Mapping[str, Document]) -> set[str]:
    """The names that mean different things in different services, also by what they refer to."""
    meanings: dict[str, list[Any]] = {}
    for document in documents.values():
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            meanings.setdefault(name, []).append(schema)
    ambiguous = {name for name, found in meanings.items() if any(schema != found[0] for schema in found)}
    while True:
        more = {
            name
            for name, found in meanings.items()
            if name not in ambiguous and len(found) > 1 and not ambiguous.isdisjoint(_references(found[0]))
        }
        if not more:
            return ambiguous
        ambiguous |= more


def _references(schema: Any) -> Iterator[str]:
    for node in _nodes(schema):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith(SCHEMAS):
            yield reference.removeprefix(SCHEMAS)


def _renamed(document: Document, names: Mapping[str, str]) -> Document:
    own = copy.deepcopy(document)
    for node in _nodes(own):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith(SCHEMAS):
            name = reference.removeprefix(SCHEMAS)
            node["$ref"] = SCHEMAS + names.get(name, name)
    components = own.get("components", {})
    components["schemas"] = {names.get(name, name): schema for name, schema in components.get("schemas", {}).items()}
    return own


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _nodes(each)
    elif isinstance(value, list):
        for each in value:
            yield from _nodes(each)
