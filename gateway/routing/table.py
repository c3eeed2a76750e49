"""The routing table: which service answers a path."""

import re
from collections.abc import Sequence

from services.contracts import noun_of
from services.manifests import Manifest
from services.tokens import GATEWAY

SOUND = re.compile(r"/v1(?:/(?!\.{1,2}(?:/|\Z))[^/\\\x00-\x1f\x7f]+)+")
"""Decoded paths that mean the same to everybody: no empty part, no `.` or `..`, no backslash, no control character."""
TIMELINE = ("customers", "timeline")


class Table:
    """Made from the manifests: the first segment after /v1 decides, but histories and the timeline are the gateway's own."""

    def __init__(self, manifests: Sequence[Manifest]) -> None:
        self._owners = {segment: manifest.name for manifest in manifests for segment in manifest.segments}
        self._with_history = frozenset(
            noun.segment
            for manifest in manifests
            for noun in manifest.nouns
            if noun.subject in {noun_of(contract.type) for contract in manifest.contracts}
        )
        self._public = tuple(prefix for manifest in manifests for prefix in manifest.public)

    def find(self, method: str, path: str) -> str | None:
        """The name of the service that answers `method path` (the path decoded), None where nobody does."""
        if SOUND.fullmatch(path) is None:
            return None
        parts = path.split("/", 5)
        segment = parts[2]
        if method == "GET" and len(parts) == 5 and self._is_ours(segment, parts[4]):
            return GATEWAY
        return self._owners.get(segment)

    def is_public(self, path: str) -> bool:
        """Whether a path is a link of ours, which anybody may follow: the token in it is what counts."""
        return path.startswith(self._public)

    def _is_ours(self, segment: str, last: str) -> bool:
        return (last == "history" and segment in self._with_history) or (segment, last) == TIMELINE
