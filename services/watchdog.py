"""The watchdog: ends a consumer that makes no progress while events wait for it, so that whoever keeps the process starts it afresh."""

import asyncio
from collections.abc import Mapping

import structlog

from services.bus import Place
from services.cancellation import let_go_if_cancelled
from services.consumer import Consumer

log = structlog.get_logger()

PATIENCE_SECONDS = 120.0


class ConsumerStuck(RuntimeError):
    """Events wait, database and bus answer, and still nothing is applied."""


async def watch(consumer: Consumer, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Look until cancelled. Raises ConsumerStuck when for `patience_seconds` no partition of the consumer moved though one is behind.

    While the database or the bus cannot be asked, nothing is held against the consumer.
    """
    now = asyncio.get_running_loop().time
    seen: Mapping[Place, int] = {}
    since = now()
    while True:
        await asyncio.sleep(patience_seconds / 8)
        try:
            positions, waiting = await consumer.progress()
        except Exception as error:  # of the database or of the bus; it shows in many ways
            let_go_if_cancelled()
            log.info("watchdog_blind", consumer=consumer.name, error_type=type(error).__name__)
            since = now()
            continue
        if positions != seen or not waiting:
            seen, since = positions, now()
        elif now() - since >= patience_seconds:
            raise ConsumerStuck(
                f"{consumer.name}: {sum(waiting.values())} events wait and nothing was applied for {patience_seconds:.0f} s"
            )
