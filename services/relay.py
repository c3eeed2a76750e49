"""The relay: moves the outbox of one service to the bus, in order, with one active relay per database."""

import asyncio
from collections.abc import Sequence

import asyncpg
import structlog

from services import tracing
from services.bus import Bus, Message, UnknownTopic, Unpublishable
from services.cancellation import let_go_if_cancelled
from services.failpoints import reach
from services.polling import Pauses

log = structlog.get_logger()

LOCK_SPACE = 7101
LOCK = f"SELECT pg_try_advisory_lock({LOCK_SPACE}, 1)"
READ = "SELECT id, topic, partition_key, event FROM outbox WHERE partition_key <> ALL($1) ORDER BY id LIMIT 1000"
DELETE = "DELETE FROM outbox WHERE id = ANY($1::bigint[])"
STANDBY_SECONDS = 0.5
HOLD_SECONDS = 5.0


class Relay:
    """One relay. Its session advisory lock lives on the very connection through which it reads and deletes: a relay that is killed
    or cut off loses both at once, so two relays never move the same outbox, and what was published but not deleted is published
    again by the next one (consumers drop the repeat by its sequence).
    """

    def __init__(self, url: str, bus: Bus, *, service: str) -> None:
        self._url = url
        self._bus = bus
        self._service = service
        self._held: dict[str, float] = {}
        self.published = 0
        self.in_office = False
        self.came_round_at = 0.0

    @property
    def held(self) -> int:
        """How many keys are held back because the bus refused an event of theirs."""
        return len(self._held)

    async def run(self) -> None:
        """Move events until cancelled; a lost connection is made anew."""
        while True:
            try:
                await self._hold_office()
            except Exception as error:  # a connection that breaks at an unlucky moment shows in ways that no list of types is sure to name
                let_go_if_cancelled()
                log.warning("relay_retries", service=self._service, error_type=type(error).__name__)
                await asyncio.sleep(STANDBY_SECONDS)

    async def _hold_office(self) -> None:
        connection = await asyncpg.connect(
            self._url,
            server_settings={"application_name": f"mitra relay {self._service}", "tcp_keepalives_idle": "10", "jit": "off"},
        )
        try:
            while not await connection.fetchval(LOCK):  # the lock lives in the database
                self._come_round()
                await asyncio.sleep(STANDBY_SECONDS)
            self.in_office = True
            pauses = Pauses()
            while True:
                let_go_if_cancelled()
                moved = await self.move(connection)
                self._come_round()
                pause = pauses.after(news=moved > 0)
                if moved < 1000:
                    await asyncio.sleep(pause)
        finally:
            self.in_office = False
            await connection.close(timeout=2)

    def _come_round(self) -> None:
        self.came_round_at = asyncio.get_running_loop().time()

    async def move(self, connection: "asyncpg.Connection[asyncpg.Record]") -> int:
        """Publish and delete one batch; answers how many events moved."""
        now = asyncio.get_running_loop().time()
        self._held = {key: until for key, until in self._held.items() if until > now}
        rows = await connection.fetch(READ, list(self._held))
        if not rows:
            return 0
        moved = await self._publish(rows)
        await connection.execute(DELETE, moved)
        reach("publish.after_delete")
        self.published += len(moved)
        return len(moved)

    async def _publish(self, rows: Sequence[asyncpg.Record]) -> list[int]:
        """The ids that are on the bus now. When the batch fails whole, each key is tried alone and a failing key is held back."""
        try:
            await self._send(rows)
            return [r["id"] for r in rows]
        except (UnknownTopic, Unpublishable) as error:
            log.error("relay_batch_refused", service=self._service, error_type=type(error).__name__)
        moved = []
        for row in rows:
            if row["partition_key"] in self._held:
                continue
            try:
                await self._send([row])
                moved.append(row["id"])
            except (UnknownTopic, Unpublishable) as error:
                self._held[row["partition_key"]] = asyncio.get_running_loop().time() + HOLD_SECONDS
                log.error("relay_key_held", service=self._service, outbox_id=row["id"], error_type=type(error).__name__)
        return moved

    async def _send(self, rows: Sequence[asyncpg.Record]) -> None:
        with tracing.publishing([(row["topic"], row["event"]) for row in rows] if tracing.is_on() else ()):
            await self._bus.publish([Message(row["topic"], row["partition_key"], row["event"]) for row in rows])
