"""The router of every service: each operation names its scope, runs in one transaction, and commits before its answer leaves."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncSession

from services import idempotency
from services.calling import handler_of
from services.database import Context, Database
from services.errors import Forbidden, Unauthenticated, Unavailable
from services.failpoints import reach
from services.links import SignedLinks
from services.problems import MEDIA_TYPE, Problem
from services.tokens import GATEWAY, Caller, Verifier

PLATFORM = "platform"
PUBLIC = "public"
KEPT_HEADERS = ("etag", "mitra-version", "location")
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": description, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for status, description in {
        400: "The request cannot be read",
        401: "No valid credentials",
        403: "The scope is missing",
        404: "No such record in this tenant",
        409: "The present state does not allow it",
        412: "The record has moved on",
        413: "Too large",
        422: "The input is not valid",
        428: "If-Match is missing",
        429: "Over the limit",
        503: "Not now; try again",
    }.items()
}


class TransactionalRoute(APIRoute):
    """One request, one transaction, one commit before the response leaves; a keyed request is answered once. A database that does not
    answer in time breaks it off: its connection is cut, so nothing is committed later (what was being committed just then may be).

    The scope is looked at first: neither a body nor a stored answer is read for whoever may not do what is asked. Who follows a link is
    nobody that we know, so its keys are not remembered.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = handler_of(self, KNOWN)
        scope = (self.openapi_extra or {})["x-scope"]

        async def in_transaction(request: Request) -> Response:
            try:
                async with asyncio.timeout(None) as limit:  # it begins to run with the session: a caller may take its time over the body
                    request.state.limit = limit
                    return await _run(request, handle, scope)
            except TimeoutError as error:
                if not limit.expired():
                    raise
                raise Unavailable("The database does not answer just now") from error
            finally:
                session: AsyncSession | None = getattr(request.state, "session", None)
                if session is not None and session.in_transaction():  # after a commit it holds nothing that is to be given back
                    await session.close()

        return in_transaction


async def _run(request: Request, handle: Callable[[Request], Coroutine[Any, Any, Response]], scope: str) -> Response:
    keyed = None
    if scope != PUBLIC:
        check_scope(caller_of(request), scope)
        keyed = await _keyed(request)
    if keyed is not None:
        stored = await idempotency.find_answer(session_of(request), keyed)
        if stored is not None:
            return Response(stored.body, status_code=stored.status, headers=stored.headers, media_type="application/json")
    response = await handle(request)
    session: AsyncSession | None = getattr(request.state, "session", None)
    if session is not None:
        if keyed is not None and 200 <= response.status_code < 300:
            headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
            body = getattr(request.state, "body_kept", bytes(response.body))
            answer = idempotency.Answer(response.status_code, headers, body)
            await idempotency.store_answer(session, keyed, answer, contact_id=_contact_id(answer))
        if session.in_transaction():
            await session.commit()
            reach("write.after_commit")
    return response


async def _keyed(request: Request) -> idempotency.KeyedRequest | None:
    key = request.headers.get("idempotency-key")
    if key is None or request.method not in ("POST", "PATCH", "PUT"):
        return None
    body = request.url.query.encode() + b"\n" + await request.body()
    return idempotency.keyed_request(request.method, request.url.path, key=key, body=body)


def _contact_id(answer: idempotency.Answer) -> UUID | None:
    """The contact that an answer speaks of: itself, by its Mitra-Version, or the one that the record names."""
    noun, _, rest = answer.headers.get("mitra-version", "").partition("/")
    if noun == "contact":
        return UUID(rest.partition("@")[0])
    body = orjson.loads(answer.body) if answer.body else None
    found = body.get("contact_id") if isinstance(body, dict) else None
    return UUID(found) if isinstance(found, str) else None


def links_of(request: Request, purpose: str) -> SignedLinks:
    """The signed links of one purpose that this service gives out."""
    return SignedLinks(request.app.state.link_secret, purpose)


def caller_of(request: Request) -> Caller:
    """Who calls, by the internal token. Raises Unauthenticated."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is not None:
        return known
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send a token: Authorization: Bearer …")
    verifier: Verifier = request.app.state.verifier
    caller = verifier.verify(token)
    request.state.caller = caller
    return caller


def keep_instead(request: Request, body: bytes) -> None:
    """Let a repeat of this keyed request be answered with `body`: what is shown once, a secret, is not stored for the repeat."""
    request.state.body_kept = body


def session_of(request: Request) -> AsyncSession:
    """The session of this request, bound to the caller's tenant; the route commits it."""
    known: AsyncSession | None = getattr(request.state, "session", None)
    if known is not None:
        return known
    caller = caller_of(request)
    return open_session(request, caller.tenant_id, caller.actor)


def open_session(request: Request, tenant_id: UUID, actor: str) -> AsyncSession:
    """The session of this request, bound to a tenant; the route commits it. A public operation opens its own, as its link says."""
    request_id = request.headers.get("x-request-id", "")
    context = Context(tenant_id, actor, request_id, request_id, request.headers.get("traceparent"))
    database: Database = request.app.state.database
    session = database.session(context)
    session.info["clock"] = request.app.state.clock
    request.state.session = session
    request.state.limit.reschedule(asyncio.get_running_loop().time() + request.app.state.settings.answer_seconds)
    return session


async def _session(request: Request) -> AsyncSession:
    return session_of(request)


async def _caller(request: Request) -> Caller:
    return caller_of(request)


SessionDep = Annotated[AsyncSession, Depends(_session)]
CallerDep = Annotated[Caller, Depends(_caller)]
KNOWN: Mapping[Any, Callable[[Request], Any]] = {_session: session_of, _caller: caller_of}


def allows(scopes: frozenset[str], needed: str) -> bool:
    """Whether `scopes` cover `needed` (`orders:write`): by name, by `orders:*`, or by `*`; write covers read.

    `*` is everything inside a tenant; what stands above tenants (`platform:…`) must be named.
    """
    noun, _, verb = needed.partition(":")
    granted = {needed, f"{noun}:*"} | ({f"{noun}:write"} if verb == "read" else set()) | ({"*"} if noun != PLATFORM else set())
    return not granted.isdisjoint(scopes)


def check_scope(caller: Caller, scope: str) -> None:
    """Raises Forbidden for a caller without `scope`; `internal` means another service, never a person or a key."""
    if scope == "internal":
        if caller.issuer == GATEWAY:
            raise Forbidden("This operation is for services only", code="internal_only")
    elif caller.issuer != GATEWAY or not allows(caller.scopes, scope):
        raise Forbidden(f"The scope {scope} is missing", code="missing_scope")


class Router(APIRouter):
    """The routes of one noun. Every operation is declared with its name and its scope, so none is open by accident."""

    def __init__(self, noun: str, *, prefix: str = "") -> None:
        super().__init__(tags=[noun], prefix=prefix, route_class=TransactionalRoute)
        self.noun = noun

    def operation(
        self, method: str, path: str, *, name: str, scope: str, **options: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare `method path` as the operation `<noun>.<name>` (its stable operation id), open to callers with `scope`.

        The scope `internal` is for other services. `public` is for whoever follows a link of ours: such an operation knows no caller, reads
        a signed token (`links_of`) and opens its session itself (`open_session`). Neither stands in the document for integrators.
        """
        responses = {**PROBLEMS, **options.pop("responses", {})}
        return self.api_route(
            path,
            methods=[method],
            operation_id=f"{self.noun}.{name}",
            responses=responses,
            openapi_extra={"x-scope": scope},
            include_in_schema=scope not in ("internal", PUBLIC),
            **options,
        )
