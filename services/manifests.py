"""Manifests: what a service is, in one place that every tool reads, and how the services of a tree are found."""

import importlib
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from services.contracts import Event, topic_of
from services.deliveries import Handlers
from services.failpoints import POINTS

if TYPE_CHECKING:
    from fastapi import APIRouter
    from rich.console import Console
    from starlette.types import ASGIApp
    from typer import Typer

    from services.jobs import JobHandler
    from services.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
EVERY_TOPIC = ("*",)


@dataclass(frozen=True)
class Noun:
    """A noun of a service: its subject type in events and the first path segment of its routes."""

    subject: str
    segment: str


@dataclass(frozen=True)
class Manifest:
    """What a service is. The kit builds its application, workers, migrations and routes from this alone.

    `consumes` are the topics its one consumer reads (EVERY_TOPIC: those of all services of the tree), `handlers` what it does with
    them, `jobs` the kinds of long work it knows, `schedules` the kinds that run again and again (seconds between two runs, for the whole
    service). `routers` are fetched when an application is built: to make routes takes half a second of CPU for each noun, and neither a
    worker nor a command has a use for them. `public` are the beginnings of the paths of its links, which whoever has one may follow
    (`/v1/consents/links/`). What the gateway has more: `across`, routers that speak of the nouns of all services, made from their
    manifests; `front`, the ASGI application before all others, made from the applications that run in this process and the settings; and
    `first_start`, called by `mitra up` with the settings, the address of the front and whether a demo company is wanted, once everything
    is ready. `commands` are groups that the service adds to the `mitra` command. `fail_points` are the names at
    which a test may have its processes die, beside those of the kit.
    """

    name: str
    package: str
    port: int
    nouns: Sequence[Noun]
    routers: "Callable[[], Sequence[APIRouter]]"
    public: Sequence[str] = ()
    fail_points: Sequence[str] = ()
    contracts: Sequence[type[Event]] = ()
    consumes: Sequence[str] = ()
    handlers: Handlers = field(default_factory=dict)
    jobs: "Mapping[str, JobHandler]" = field(default_factory=dict)
    schedules: Mapping[str, float] = field(default_factory=dict)
    commands: "Mapping[str, Typer]" = field(default_factory=dict)
    first_start: "Callable[[Settings, str, bool, Console], Awaitable[None]] | None" = None
    across: "Callable[[Sequence[Manifest]], Sequence[APIRouter]] | None" = None
    front: "Callable[[Mapping[str, ASGIApp], Settings], ASGIApp] | None" = None

    @property
    def segments(self) -> frozenset[str]:
        """The first path segments that this service answers."""
        return frozenset({noun.segment for noun in self.nouns} | {f"{self.name}-jobs"})

    @property
    def topics(self) -> frozenset[str]:
        """The topics that this service publishes on."""
        return frozenset(topic_of(contract.type) for contract in self.contracts)

    @property
    def migrations(self) -> Path:
        """The folder of its Alembic history."""
        module = sys.modules[self.package]
        assert module.__file__ is not None
        return Path(module.__file__).parent / "migrations"


class SegmentTaken(RuntimeError):
    """Two services answer the same path segment."""


@cache
def discover(services_path: str = "") -> tuple[Manifest, ...]:
    """The manifests of the tree and of further folders (separated by ':'), by name. Raises SegmentTaken."""
    found = []
    for folder in (ROOT, *(Path(part) for part in services_path.split(":") if part)):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
        for path in sorted((*folder.glob("*_svc/manifest.py"), *folder.glob("gateway/manifest.py"))):
            module: ModuleType = importlib.import_module(f"{path.parent.name}.manifest")
            found.append(module.manifest)
    owners: dict[str, str] = {}
    for manifest in found:
        for segment in manifest.segments:
            if owners.setdefault(segment, manifest.name) != manifest.name:
                raise SegmentTaken(f"/v1/{segment} is answered by {owners[segment]} and by {manifest.name}")
    return tuple(sorted(found, key=lambda manifest: manifest.name))


def consumed_topics(manifest: Manifest, manifests: Sequence[Manifest]) -> tuple[str, ...]:
    """The topics that a service reads; EVERY_TOPIC stands for what any of `manifests` publishes."""
    if tuple(manifest.consumes) != EVERY_TOPIC:
        return tuple(manifest.consumes)
    return tuple(sorted({topic for each in manifests for topic in each.topics}))


def get_manifest(name: str, services_path: str = "") -> Manifest:
    """The manifest of a service. Raises LookupError naming the services there are."""
    manifests = discover(services_path)
    for manifest in manifests:
        if manifest.name == name:
            return manifest
    raise LookupError(f"there is no service {name!r}; there are {', '.join(m.name for m in manifests)}")


def process_name(manifests: Sequence[Manifest]) -> str:
    """What a process of these services is called: after the one, or `all`."""
    return manifests[0].name if len(manifests) == 1 else "all"


def fail_points_of(manifests: Sequence[Manifest]) -> tuple[str, ...]:
    """Every name at which a process of these services can be told to die."""
    return (*POINTS, *(name for manifest in manifests for name in manifest.fail_points))
