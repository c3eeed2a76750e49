"""The web process: the application of one service, or of all of them behind the gateway's front."""

import asyncio
import os
import socket
from collections.abc import Sequence

import uvicorn
from starlette.types import ASGIApp

from services import failpoints, memory, tracing
from services.application import create_app
from services.manifests import Manifest, fail_points_of, process_name
from services.settings import Settings

PARENT_LOOK_SECONDS = 1.0


def build_application(manifests: Sequence[Manifest], settings: Settings) -> ASGIApp:
    """The ASGI application of one service, or of several behind the one among them that has a front."""
    apps: dict[str, ASGIApp] = {manifest.name: create_app(manifest, settings) for manifest in manifests}
    for manifest in manifests:
        if manifest.front is not None:
            return manifest.front(apps, settings)
    if len(apps) > 1:
        raise LookupError("several services need one with a front to be served together")
    return apps[manifests[0].name]


async def serve(manifests: Sequence[Manifest], settings: Settings, *, host: str, port: int) -> None:
    """Answer HTTP at host:port until the process is told to stop."""
    failpoints.arm(settings.fail_points, seed=settings.fail_seed, known=fail_points_of(manifests))
    tracing.start(f"mitra-serve-{process_name(manifests)}")
    with memory.undisturbed():
        application = build_application(manifests, settings)
    memory.set_apart_what_is_loaded()
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    try:
        await uvicorn.Server(config).serve()
    finally:
        tracing.stop()


async def end_with_parent(parent: int) -> None:
    """Return when the process that started this one is gone, so that a killed `mitra up` leaves nothing behind."""
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing tells a process of its parent's end
        await asyncio.sleep(PARENT_LOOK_SECONDS)


def free_port(host: str, wanted: int) -> int:
    """`wanted`, or the next port at which nobody listens. Raises OSError where a hundred in a row are taken."""
    for port in range(wanted, wanted + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port from {wanted} on")
