"""The HTTP application of a service, built from its manifest."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from sqlalchemy import text
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services import metrics, openapi, problems, readings, tracing
from services.clock import Clock, utc_now
from services.database import Database
from services.identifiers import new_id
from services.job_routes import jobs_router
from services.manifests import Manifest, discover
from services.observed import Observed, Traced
from services.segments import grouped
from services.settings import Settings
from services.tokens import KeyPairs, Verifier


def create_app(manifest: Manifest, settings: Settings, *, clock: Clock = utc_now) -> FastAPI:
    """The application of `manifest`. Its lifespan opens the database and refuses a role that bypasses row-level security."""
    database = Database(settings.database(manifest.name), pool_size=settings.pool_size, application_name=f"mitra {manifest.name}")

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await database.check_role()
        yield
        await database.close()

    app = FastAPI(
        title=f"Mitra {manifest.name}",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"/v1/{manifest.name}-openapi.json",
        separate_input_output_schemas=True,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # its log records would carry what the caller sent
    )
    app.state.manifest = manifest
    app.state.settings = settings
    app.state.database = database
    app.state.clock = clock
    app.state.timings = metrics.Timings(metrics.REQUEST_BOUNDS)
    keys = KeyPairs.load(settings.keys_folder, deployable_of(manifest))
    app.state.verifier = Verifier(keys, clock=clock)
    app.state.link_secret = keys.link_secret()
    problems.install(app)
    openapi.install(app)
    across = manifest.across(discover(settings.services_path)) if manifest.across is not None else ()
    routers = (*manifest.routers(), *across, jobs_router(manifest))
    app.router.routes.extend(grouped([route for router in routers for route in router.routes if isinstance(route, APIRoute)]))
    _add_health(app, database)
    app.add_middleware(RequestIds)
    app.add_middleware(Observed, service=manifest.name, timings=app.state.timings)
    if tracing.is_on():
        app.add_middleware(Traced, name=manifest.name)
    return app


def deployable_of(manifest: Manifest) -> str:
    """The name under which a service signs and is addressed in tokens: its package."""
    return manifest.package


def _add_health(app: FastAPI, database: Database) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> JSONResponse:
        try:
            async with database.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except Exception as error:
            return JSONResponse({"status": "unready", "database": type(error).__name__}, status_code=503)
        return JSONResponse({"status": "ready"})

    @app.get("/metrics", include_in_schema=False)
    async def metrics_page() -> Response:
        return Response(metrics.page_of(readings.of_application(app)), media_type=metrics.MEDIA_TYPE)


class RequestIds:
    """Pure ASGI: every request has an id (the caller's X-Request-Id if it is sound), in the logs and on the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        request_id = next((value for name, value in headers if name == b"x-request-id"), b"")
        if not (0 < len(request_id) <= 64 and request_id.replace(b"-", b"").isalnum()):
            request_id = str(new_id()).encode()
            scope["headers"] = [(n, v) for n, v in headers if n != b"x-request-id"] + [(b"x-request-id", request_id)]

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id)]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id.decode()):
            await self.app(scope, receive, send_with_id)
