"""A TCP proxy between Mitra and its database, with which the database becomes slow, silent, cut off or refusing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from services.settings import Settings


class Proxy:
    """Passes bytes between loopback TCP and the server's Unix socket. `delay_seconds` holds back each piece of an answer."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._listening: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()
        self._open.set()
        self.port = 0
        self.delay_seconds = 0.0

    async def accept(self) -> None:
        """Listen, at the same port as before."""
        self._listening = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._listening.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Cut every connection and take no new one, as a server that is gone does."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        await self.cut()

    async def cut(self) -> None:
        """Cut every connection; new ones are taken."""
        for each in self._passing:
            each.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    def fall_silent(self) -> None:
        """Take every byte and pass none on, as a machine that hangs does."""
        self._open.clear()

    def speak(self) -> None:
        """Pass on again what is held."""
        self._open.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passing = asyncio.current_task()
        assert passing is not None
        self._passing.add(passing)
        server: asyncio.StreamWriter | None = None
        try:
            await self._open.wait()
            answers, server = await asyncio.open_unix_connection(str(self._socket))
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, server, answering=False))
                group.create_task(self._pass(answers, writer, answering=True))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            self._passing.discard(passing)
            for each in filter(None, (server, writer)):
                with suppress(OSError, RuntimeError):
                    each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answering: bool) -> None:
        while piece := await reader.read(64 * 1024):
            if answering and self.delay_seconds:
                await asyncio.sleep(self.delay_seconds)
            await self._open.wait()
            writer.write(piece)
            await writer.drain()
        raise ConnectionResetError


@asynccontextmanager
async def before(settings: Settings) -> AsyncIterator[tuple[Proxy, Settings]]:
    """A proxy before the embedded server of `settings`, and the settings that lead through it."""
    parts = urlsplit(settings.database_url)
    folder = Path(parts.query.partition("host=")[2])
    proxy = Proxy(folder / ".s.PGSQL.5432")
    await proxy.accept()
    through = f"{parts.scheme}://{parts.username}:{parts.password}@127.0.0.1:{proxy.port}{parts.path}"
    try:
        yield proxy, settings.model_copy(update={"database_url": through})
    finally:
        proxy.speak()
        await proxy.refuse()
