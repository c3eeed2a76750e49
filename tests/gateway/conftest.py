"""The front over all services, once with every application in this process and once with the services behind real servers."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.types import ASGIApp

from gateway.keys.operations import bootstrap
from gateway.routing.front import Front
from gateway.settings import GatewaySettings
from services.manifests import discover
from tests.conftest import DEMO
from tests.gateway.make import Company, found_company
from tests.gateway.serving import Recorder, serve
from tests.harness import Mitra

discover(str(DEMO))  # tests here import the demo service


@dataclass
class Door:
    """A front, who stands behind it, and clients for it."""

    mitra: Mitra
    front: Front
    recorders: dict[str, Recorder] = field(default_factory=dict)

    def client(self, token: str | None = None) -> httpx.AsyncClient:
        """A client without a network, with a key if one is named."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(transport=httpx.ASGITransport(app=self.front), base_url="http://mitra", headers=headers)

    async def operator(self) -> httpx.AsyncClient:
        """A client of the platform's operator."""
        return self.client(await bootstrap(self.mitra.databases["gateway"]))

    async def company(self, **fields: object) -> Company:
        """A new company that every service knows."""
        company = await found_company(await self.operator(), **fields)  # type: ignore[arg-type]
        await self.mitra.drain()
        return company


@pytest.fixture(scope="session")
async def behind(running_mitra: Mitra) -> AsyncIterator[dict[str, tuple[Recorder, str]]]:
    """Every service but the gateway with what notes its requests, and the address of a server of its own."""
    async with AsyncExitStack() as stack:
        found = {}
        for name, app in running_mitra.apps.items():
            if name != "gateway":
                recorder = Recorder(app)
                found[name] = recorder, await stack.enter_async_context(serve(recorder))
        yield found


class Doors:
    """Opens fronts over the running services."""

    def __init__(self, mitra: Mitra, behind: dict[str, tuple[Recorder, str]]) -> None:
        self.mitra = mitra
        self._behind = behind
        for recorder, _ in behind.values():
            recorder.forget()

    @asynccontextmanager
    async def open(
        self, *, remote: bool, own: GatewaySettings | None = None, demo: ASGIApp | None = None, demo_url: str = ""
    ) -> AsyncIterator[Door]:
        """A front; `remote` puts the other services behind their servers. `demo` or `demo_url` take the place of the demo service."""
        recorders = {name: recorder for name, (recorder, _) in self._behind.items()}
        async with AsyncExitStack() as stack:
            apps: dict[str, ASGIApp] = {"gateway": self.mitra.apps["gateway"]} | ({} if remote else dict(recorders))
            urls = {name: url for name, (_, url) in self._behind.items()} if remote else {}
            if demo is not None:
                demo_url = await stack.enter_async_context(serve(demo))
            if demo_url:
                apps.pop("demo", None)
                urls["demo"] = demo_url
            front = Front(apps, self.mitra.settings.model_copy(update={"service_urls": urls}), own or GatewaySettings())
            await stack.enter_async_context(front.open())
            yield Door(self.mitra, front, recorders)


@pytest.fixture
def doors(mitra: Mitra, behind: dict[str, tuple[Recorder, str]]) -> Doors:
    """Opens fronts, in a Mitra that is empty."""
    return Doors(mitra, behind)


@pytest.fixture(params=[False, True], ids=["in process", "over http"])
async def door(doors: Doors, request: pytest.FixtureRequest) -> AsyncIterator[Door]:
    """Both ways in which a request reaches its service."""
    async with doors.open(remote=request.param) as door:
        yield door


@pytest.fixture
async def near_door(doors: Doors) -> AsyncIterator[Door]:
    """The front with everything in this process."""
    async with doors.open(remote=False) as door:
        yield door
