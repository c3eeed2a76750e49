"""A service in another process, reached over HTTP with one client for all; bodies stream in both directions."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from urllib.parse import quote

import aiohttp
import structlog
from starlette.types import Message, Receive, Scope, Send
from yarl import URL

from gateway.settings import GatewaySettings
from services.errors import Unavailable

from .headers import sort_outgoing
from .targets import PATH_SAFE, Target

log = structlog.get_logger()

QUERY_SAFE = PATH_SAFE + '?%#[]"<>\\^`{|}'
SMALL = 256 * 1024
WATCH_AFTER_SECONDS = 1.0
KEEP_IDLE_SECONDS = 3.0  # less than the 5 s after which uvicorn closes an idle connection, so that we never write into a closed one
NOT_OURS_TO_ADD = frozenset({"Accept", "Accept-Encoding", "User-Agent", "Content-Type"})
LENGTH = b"content-length"  # told anew by the client, which sees the body
NO_BODY_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class ClientLeft(Exception):
    """The caller went away before it had sent its whole body."""


def open_client(settings: GatewaySettings) -> aiohttp.ClientSession:
    """The client of a front: it follows nothing, decompresses nothing and remembers no cookies."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, limit_per_host=settings.most_connections, keepalive_timeout=KEEP_IDLE_SECONDS),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_seconds, sock_read=settings.silence_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=NOT_OURS_TO_ADD,
    )


@asynccontextmanager
async def connected(targets: Iterable[Target], settings: GatewaySettings) -> AsyncIterator[None]:
    """Hold one client for those of `targets` that are elsewhere."""
    async with open_client(settings) as client:
        for target in targets:
            if isinstance(target, Remote):
                target.client = client
        yield


class Remote:
    """A service at an address. `client` is set for as long as the front is open."""

    def __init__(self, name: str, url: str) -> None:
        self._name = name
        self._url = url.rstrip("/")
        self.client: aiohttp.ClientSession | None = None

    async def forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and its answer back. Raises Unavailable while nothing was answered; an answer that breaks off breaks off
        for the caller too. When the caller leaves, the service's connection is closed.
        """
        departure = _Departure(receive)
        started = False

        async def start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._exchange(scope, receive, start, departure)
        except ClientLeft:
            return
        except asyncio.CancelledError:
            if not departure.happened:
                raise
            departure.take_back()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if departure.happened:
                return
            log.warning("service_failed", service=self._name, error_type=type(error).__name__, answered=started)
            if not started:
                raise self._unavailable() from error
        finally:
            departure.stop_watching()

    async def ask(self, path: str) -> tuple[int, bytes]:
        """Get a path of the service. Raises Unavailable."""
        try:
            async with self._client().get(URL(self._url + path, encoded=True)) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unavailable() from error

    async def _exchange(self, scope: Scope, receive: Receive, send: Send, departure: "_Departure") -> None:
        method: str = scope["method"]
        body = None if method in NO_BODY_METHODS else await _body(receive, departure)
        if body is None or isinstance(body, bytes):
            departure.watch()
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"] if name != LENGTH]
        async with self._client().request(method, self._address(scope), data=body, headers=headers, allow_redirects=False) as response:
            await send({"type": "http.response.start", "status": response.status, "headers": sort_outgoing(response.raw_headers)})
            if response.content_length is not None and response.content_length <= SMALL:
                await send({"type": "http.response.body", "body": await response.read()})
                return
            async for chunk in response.content.iter_any():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    def _address(self, scope: Scope) -> URL:
        address = self._url + quote(scope["path"], safe=PATH_SAFE)
        query: bytes = scope["query_string"]
        if query:
            address += "?" + quote(query, safe=QUERY_SAFE)
        return URL(address, encoded=True)

    def _client(self) -> aiohttp.ClientSession:
        if self.client is None:
            raise RuntimeError("the front is not open")
        return self.client

    def _unavailable(self) -> Unavailable:
        return Unavailable(f"The service {self._name} is not reachable just now", code="service_unavailable")


async def _body(receive: Receive, departure: "_Departure") -> bytes | AsyncIterator[bytes] | None:
    """The whole body where it is one piece, else a stream of its pieces."""
    first = await receive()
    if first["type"] != "http.request":
        raise ClientLeft
    if first.get("more_body"):
        return _pieces(first, receive, departure)
    body: bytes = first.get("body", b"")
    return body


async def _pieces(message: Message, receive: Receive, departure: "_Departure") -> AsyncIterator[bytes]:
    while True:
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body"):
            break
        message = await receive()
        if message["type"] != "http.request":
            departure.happened = True
            raise ClientLeft
    departure.watch()


class _Departure:
    """Notices that a caller left while its request runs, and cancels it. Looks only after a second: most requests are done by then."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._request = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.happened = False

    def watch(self) -> None:
        """Begin to look, a second from now; the whole body must have been received."""
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_SECONDS, self._begin)

    def stop_watching(self) -> None:
        """The request is over."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def take_back(self) -> None:
        """The cancellation was ours and ends here."""
        if self._request is not None:
            self._request.uncancel()

    def _begin(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.happened = True
        if self._request is not None:
            self._request.cancel()
