"""The frozen OpenAPI and AsyncAPI documents, and what would break whoever relies on them: `python -m gateway.documents.freezing`."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from services.application import create_app, deployable_of
from services.contract_files import breaks
from services.manifests import ROOT, Manifest, discover
from services.settings import Settings
from services.tokens import make_key_pair

from .asyncapi import describe_events, find_event_breaks
from .merging import Document, merge_documents, operations_of

FROZEN = ROOT / "docs" / "openapi" / "mitra.json"
FROZEN_EVENTS = ROOT / "docs" / "asyncapi" / "mitra.json"


class PromiseBroken(RuntimeError):
    """The document was changed so that programs which were written for it would break."""


def describe(manifests: Sequence[Manifest]) -> Document:
    """The merged document of services that need not run: nothing is connected."""
    with tempfile.TemporaryDirectory(prefix="mitra-openapi-") as folder:
        settings = Settings(database_url="postgresql+asyncpg://mitra_app@/mitra_{service}", folder=Path(folder))
        for manifest in manifests:
            make_key_pair(settings.keys_folder, deployable_of(manifest))
        return merge_documents({manifest.name: create_app(manifest, settings).openapi() for manifest in manifests})


def find_breaks(old: Document, new: Document) -> list[str]:
    """What a program written for `old` would suffer from `new`: operations gone or moved, parameters newly required, shapes changed."""
    found = []
    before, after = _by_id(old), _by_id(new)
    for name, (place, operation) in before.items():
        if name not in after:
            found.append(f"{name}: removed")
        elif after[name][0] != place:
            found.append(f"{name}: moved from {place} to {after[name][0]}")
        else:
            required = _required(after[name][1]) - _required(operation)
            found += [f"{name}: parameter {parameter} newly required" for parameter in sorted(required)]
    schemas, changed = _split_nullables(old["components"]["schemas"]), _split_nullables(new["components"]["schemas"])
    for name in sorted(schemas.keys() & changed.keys()):
        rooted = ({**schemas[name], "$defs": schemas}, {**changed[name], "$defs": changed})
        found += [f"{name}.{fault}" for fault in breaks(*rooted)]
    return found


def freeze() -> None:
    """Write the present documents. Raises PromiseBroken naming what would break, and writes nothing then."""
    documents = {FROZEN: describe(discover()), FROZEN_EVENTS: describe_events(discover())}
    faults = [
        fault
        for (path, document), find in zip(documents.items(), (find_breaks, find_event_breaks), strict=True)
        if path.exists()
        for fault in find(orjson.loads(path.read_bytes()), document)
    ]
    if faults:
        raise PromiseBroken("; ".join(faults))
    for path, document in documents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(document))


def encoded(document: Document) -> bytes:
    """The document as it is kept."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def _by_id(document: Document) -> dict[str, tuple[str, dict[str, Any]]]:
    return {operation["operationId"]: (place, operation) for place, operation in operations_of(document)}


def _required(operation: dict[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", []) if parameter.get("required")}


def _split_nullables(node: Any) -> Any:
    """The schemas with `type: [x, null]` written as two alternatives, in which form the gate of the event contracts compares them."""
    if isinstance(node, list):
        return [_split_nullables(item) for item in node]
    if not isinstance(node, dict):
        return node
    split = {name: _split_nullables(value) for name, value in node.items() if not isinstance(value, bool)}
    if isinstance(split.get("type"), list):
        return {"anyOf": [{**split, "type": kind} for kind in split["type"]]}
    return split


if __name__ == "__main__":
    freeze()
