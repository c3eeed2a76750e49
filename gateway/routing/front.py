"""The front: the ASGI application that every request from outside passes first."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import quote

import orjson
import structlog
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.documents.asyncapi import encoded_events
from gateway.documents.examples import add_examples, recorded_examples
from gateway.documents.merging import merge_documents
from gateway.keys.ring import KeyRing
from gateway.limits.buckets import Buckets
from gateway.settings import GatewaySettings
from services import metrics, problems, readings, tracing
from services.encoding import encode
from services.errors import NotFound, Refusal, Unauthenticated, Unavailable
from services.manifests import Manifest, discover
from services.metrics import Sample
from services.observed import Traced
from services.routing import allows
from services.settings import Settings
from services.tokens import GATEWAY, KeyPairs, Minter

from .bodies import BodyLimit, check_length
from .headers import Incoming, sort_incoming
from .table import Table
from .targets import PATH_SAFE, Target, Within

log = structlog.get_logger()

JSON = "application/json"
OPERATORS = "platform:metrics"
ASK_SECONDS = 5.0
DOCUMENT_SECONDS = 60.0


class ServiceUnplaced(RuntimeError):
    """A service runs neither in this process nor at an address that was told."""


def build_front(apps: Mapping[str, ASGIApp], settings: Settings) -> ASGIApp:
    """The front over `apps`, those that run in this process (the gateway's own among them); the others by `settings.service_urls`.

    Raises ServiceUnplaced for a service that is in neither.
    """
    front = Front(apps, settings, GatewaySettings())
    return Traced(front, name="door") if tracing.is_on() else front


class Front:
    """Knows the caller, counts its requests, and lets the service that owns the path answer under a token of our own."""

    def __init__(self, apps: Mapping[str, ASGIApp], settings: Settings, own: GatewaySettings) -> None:
        gateway = apps[GATEWAY]
        assert isinstance(gateway, FastAPI)
        manifests = discover(settings.services_path)
        self._services_path = settings.services_path
        self._apps = dict(apps)
        self._own = own
        self._table = Table(manifests)
        self._targets = {manifest.name: _target(manifest, apps, settings) for manifest in manifests}
        self._audiences = {manifest.name: manifest.package for manifest in manifests}
        self._buckets = Buckets(per_second=own.requests_per_second, burst=own.burst)
        self._minter = Minter(KeyPairs.load(settings.keys_folder, GATEWAY), clock=gateway.state.clock)
        self._ring = KeyRing(gateway.state.database, own, clock=gateway.state.clock)
        self._document: tuple[float, bytes] | None = None
        self._refusals: Counter[str] = Counter()
        gateway.state.key_ring = self._ring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Hold the client for the services that are elsewhere, if any is."""
        async with AsyncExitStack() as stack:
            if not all(isinstance(target, Within) for target in self._targets.values()):
                from .remote import connected  # 9 MB, for nothing where every service runs in this process

                await stack.enter_async_context(connected(self._targets.values(), self._own))
            yield

    async def _live(self, receive: Receive, send: Send) -> None:
        """Open the applications of this process too: nobody else runs the lifespan of an application that stands behind another."""
        await receive()
        async with AsyncExitStack() as stack:
            try:
                await self._open_all(stack)
            except Exception as error:
                await send({"type": "lifespan.startup.failed", "message": f"{type(error).__name__}: {error}"})
                raise
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _open_all(self, stack: AsyncExitStack) -> None:
        for app in self._apps.values():
            if isinstance(app, Starlette):
                await stack.enter_async_context(app.router.lifespan_context(app))
        await stack.enter_async_context(self.open())

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = sort_incoming(scope["headers"])
        try:
            service = self._table.find(scope["method"], scope["path"])
            if service is None:
                await self._answer_itself(scope, receive, send, incoming=incoming)
            else:
                await self._forward(service, scope, receive, send, incoming=incoming)
        except Refusal as refusal:
            await self._refuse(refusal, incoming, scope, receive, send)
        except (SQLAlchemyError, OSError) as error:
            log.error("front_failed", error_type=type(error).__name__)
            await self._refuse(Unavailable("The keys cannot be read just now"), incoming, scope, receive, send)

    async def _forward(self, service: str, scope: Scope, receive: Receive, send: Send, *, incoming: Incoming) -> None:
        path: str = scope["path"]
        headers = [*incoming.passing, (b"x-request-id", incoming.request_id)]
        if self._table.is_public(path):
            self._buckets.take(f"address:{(scope.get('client') or ('',))[0]}", asyncio.get_running_loop().time())
        else:
            caller = await self._ring.caller_of(incoming.token())
            self._buckets.take(caller.actor, asyncio.get_running_loop().time())
            headers.append((b"authorization", b"Bearer " + self._minter.mint(caller, self._audiences[service]).encode()))
        check_length(incoming, self._own.most_body_bytes)
        inside: Scope = {**scope, "headers": headers, "raw_path": quote(path, safe=PATH_SAFE).encode()}
        target = self._targets[service]
        if incoming.content_length is not None or not incoming.is_chunked:
            await target.forward(inside, receive, send)
        else:
            limit = BodyLimit(receive, send, self._own.most_body_bytes)
            await target.forward(inside, limit.receive, limit.send)
            limit.check()

    async def _answer_itself(self, scope: Scope, receive: Receive, send: Send, *, incoming: Incoming) -> None:
        """What no service answers: health and the documents without a key, the metrics to operators. Raises NotFound for all else."""
        path = scope["path"] if scope["method"] in ("GET", "HEAD") else ""
        if path == "/healthz":
            await _send(200, encode({"status": "ok"}), JSON, incoming, scope, receive, send)
        elif path == "/readyz":
            status, body = await self._ask_readiness()
            await _send(status, body, JSON, incoming, scope, receive, send)
        elif path == "/openapi.json":
            await _send(200, await self._get_document(), JSON, incoming, scope, receive, send)
        elif path == "/asyncapi.json":
            body = await asyncio.to_thread(encoded_events, self._services_path)
            await _send(200, body, JSON, incoming, scope, receive, send)
        elif path == "/metrics" and await self._is_operator(incoming):
            await _send(200, metrics.page_of(self._readings()), metrics.MEDIA_TYPE, incoming, scope, receive, send)
        else:
            raise NotFound(problems.NO_PATH)

    async def _is_operator(self, incoming: Incoming) -> bool:
        try:
            caller = await self._ring.caller_of(incoming.token())
        except Unauthenticated:
            return False
        return allows(caller.scopes, OPERATORS)

    def _readings(self) -> list[Sample]:
        """The requests of every application of this process, and those that the door itself refused."""
        of_services = [sample for app in self._apps.values() if isinstance(app, FastAPI) for sample in readings.of_application(app)]
        return [*of_services, *(Sample(metrics.REFUSALS, count, (code,)) for code, count in self._refusals.items())]

    async def _refuse(self, refusal: Refusal, incoming: Incoming, scope: Scope, receive: Receive, send: Send) -> None:
        self._refusals[refusal.code] += 1
        response = problems.respond(refusal, incoming.request_id.decode())
        response.headers["x-request-id"] = incoming.request_id.decode()
        await response(scope, receive, send)

    async def _ask_readiness(self) -> tuple[int, bytes]:
        """Ready means: every application in this process says so, and every service elsewhere too."""
        names = sorted(self._targets)
        answers = await asyncio.gather(*(self._ask(name, "/readyz") for name in names))
        states = {name: "ready" if status == 200 else "unready" for name, (status, _) in zip(names, answers, strict=True)}
        ready = all(state == "ready" for state in states.values())
        return 200 if ready else 503, encode({"status": "ready" if ready else "unready", "services": states})

    async def _get_document(self) -> bytes:
        """The merged OpenAPI document, made anew after a minute where services are elsewhere. Raises Unavailable while one is silent."""
        now = asyncio.get_running_loop().time()
        if self._document is None or self._document[0] <= now:
            names = sorted(self._targets)
            answers = await asyncio.gather(*(self._ask(name, f"/v1/{name}-openapi.json") for name in names))
            silent = [name for name, (status, _) in zip(names, answers, strict=True) if status != 200]
            if silent:
                raise Unavailable(f"Not reachable just now: {', '.join(silent)}", code="service_unavailable")
            documents = {name: orjson.loads(body) for name, (_, body) in zip(names, answers, strict=True)}
            self._document = now + DOCUMENT_SECONDS, encode(add_examples(merge_documents(documents), recorded_examples()))
        return self._document[1]

    async def _ask(self, name: str, path: str) -> tuple[int, bytes]:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await self._targets[name].ask(path)
        except (Unavailable, TimeoutError):
            return 503, b""


def _target(manifest: Manifest, apps: Mapping[str, ASGIApp], settings: Settings) -> Target:
    if manifest.name in apps:
        return Within(apps[manifest.name])
    if manifest.name in settings.service_urls:
        from .remote import Remote

        return Remote(manifest.name, settings.service_urls[manifest.name])
    raise ServiceUnplaced(f"say where {manifest.name} answers: MITRA_SERVICE_URLS__{manifest.name.upper()}=http://…")


async def _send(status: int, body: bytes, media_type: str, incoming: Incoming, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"x-request-id": incoming.request_id.decode()}
    await Response(body, status, headers, media_type)(scope, receive, send)
