"""Purchases out to the HTTP API: customers become contacts, rows become orders, a few batches under way at a time."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from pydantic import TypeAdapter, ValidationError

from pipeline_svc.imports.rows import Header, Purchase, Rejection
from services.client import post
from services.contracts import Code

UNDER_WAY = 3
"""Batches of orders that wait for their answer at the same time."""
TAKEN = "external_id_taken"
CODE: TypeAdapter[str] = TypeAdapter(Code)


@dataclass
class Piece:
    """A stretch of the file: at most a batch of purchases, and what was refused among them. `position` is how many bytes were read."""

    position: int = 0
    header: bool = False
    purchases: list[Purchase] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)


@dataclass
class Counts:
    """What became of the rows so far; at the end `read` is the sum of the others."""

    read: int = 0
    new: int = 0
    known: int = 0
    rejected: int = 0
    header: bool = False

    @property
    def accepted(self) -> int:
        """Rows that are orders now."""
        return self.new + self.known


def cut(rows: Iterator[Purchase | Rejection | Header], *, batch: int, most_rows: int, position: Callable[[], int]) -> Iterator[Piece]:
    """The rows in pieces of at most `batch` purchases and `most_rows` rows. `position` tells how many bytes were read."""
    piece = Piece()
    for row in rows:
        if isinstance(row, Purchase):
            piece.purchases.append(row)
        elif isinstance(row, Rejection):
            piece.rejections.append(row)
        else:
            piece.header = True
        if len(piece.purchases) == batch or len(piece.rejections) == most_rows:
            piece.position = position()
            yield piece
            piece = Piece()
    piece.position = position()
    yield piece


class Sending:
    """One run: reads pieces, makes their customers known, sends their orders, and tells `on_progress` and `on_rejected` what came of it.

    `label` names the file's origin: it is the source of every external id. Contacts and orders whose external id is taken are there
    already and stay as they are, whoever changed them since.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        label: str,
        on_progress: Callable[[Counts, int], None],
        on_rejected: Callable[[Sequence[Rejection]], None],
    ) -> None:
        self._client = client
        self._label = label
        self._on_progress = on_progress
        self._on_rejected = on_rejected
        self._contacts: dict[str, bytes] = {}
        self.counts = Counts()

    async def run(self, pieces: Iterator[Piece]) -> Counts:
        """Send everything and close the client. What was sent stands whatever happens, and the same file again sends the rest.

        Raises services.client.NotAnswered where the API stays away or refuses a whole batch, OSError where the file cannot be read.
        """
        read: asyncio.Queue[Piece | None] = asyncio.Queue(1)
        resolved: asyncio.Queue[Piece | None] = asyncio.Queue(1)
        try:
            async with self._client, asyncio.TaskGroup() as group:
                group.create_task(self._read(pieces, read))
                group.create_task(self._resolve(read, resolved))
                for _ in range(UNDER_WAY):
                    group.create_task(self._order(resolved))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return self.counts

    async def _read(self, pieces: Iterator[Piece], read: asyncio.Queue[Piece | None]) -> None:
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            self.counts.read += len(piece.purchases) + len(piece.rejections)
            self.counts.header |= piece.header
            self._reject(piece.rejections)
            self._on_progress(self.counts, piece.position)
            if piece.purchases:
                await read.put(piece)
        await read.put(None)

    async def _resolve(self, read: asyncio.Queue[Piece | None], resolved: asyncio.Queue[Piece | None]) -> None:
        while (piece := await read.get()) is not None:
            unknown = [customer for customer in dict.fromkeys(row.customer for row in piece.purchases) if customer not in self._contacts]
            refused = await self._make_known(unknown)
            if refused:
                self._reject([Rejection(row.line, *refused[row.customer]) for row in piece.purchases if row.customer in refused])
                piece.purchases = [row for row in piece.purchases if row.customer not in refused]
            await resolved.put(piece)
        for _ in range(UNDER_WAY):
            await resolved.put(None)

    async def _order(self, resolved: asyncio.Queue[Piece | None]) -> None:
        while (piece := await resolved.get()) is not None:
            results = await self._batch("/v1/orders/batch", [self._order_of(row) for row in piece.purchases])
            reasons = [(row, _reason(result)) for row, result in zip(piece.purchases, results, strict=True) if result.get("problem")]
            refused = [Rejection(row.line, *reason) for row, reason in reasons if reason[0] != TAKEN]
            self.counts.new += len(results) - len(reasons)
            self.counts.known += len(reasons) - len(refused)
            self._reject(refused)
            self._on_progress(self.counts, 0)

    async def _make_known(self, customers: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Remember the contact of each customer; answers code and message of those that the API refuses.

        One is created where nobody bears the external id, and asked for with an empty upsert where somebody does.
        """
        refused = await self._remember(customers, [{"op": "create", "data": self._contact_of(customer)} for customer in customers])
        taken = [customer for customer in customers if refused.get(customer, ("",))[0] == TAKEN]
        found = await self._remember(taken, [{"op": "upsert", "key": self._key(code_of(customer))} for customer in taken])
        return {customer: reason for customer, reason in refused.items() if reason[0] != TAKEN} | found

    async def _remember(self, customers: Sequence[str], operations: Sequence[dict[str, Any]]) -> dict[str, tuple[str, str]]:
        refused: dict[str, tuple[str, str]] = {}
        for customer, result in zip(customers, await self._batch("/v1/contacts/batch", operations), strict=True):
            if result.get("problem"):
                refused[customer] = _reason(result)
            else:
                self._contacts[customer] = UUID(result["id"]).bytes
        return refused

    def _contact_of(self, customer: str) -> dict[str, Any]:
        key = self._key(code_of(customer))
        return {"kind": "person", "display_name": f"Customer {customer}", "origin": {"source": self._label}, "external_ids": [key]}

    def _order_of(self, row: Purchase) -> dict[str, Any]:
        data = {
            "contact_id": str(UUID(bytes=self._contacts[row.customer])),
            "currency": row.currency,
            "status": "placed",
            "placed_at": row.placed_at,
            "paid": True,
            "fulfilled": True,
            "lines": [{"quantity": row.quantity, "amount_minor": row.amount_minor}],
            "external_ids": [self._key(row.key)],
        }
        return {"op": "create", "data": data}

    def _key(self, name: str) -> dict[str, str]:
        return {"source": self._label, "id": name}

    async def _batch(self, path: str, operations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        if not operations:
            return []
        answer = await post(self._client, path, {"operations": operations})
        results: list[dict[str, Any]] = answer["results"]
        return results

    def _reject(self, rejections: Sequence[Rejection]) -> None:
        if rejections:
            self.counts.rejected += len(rejections)
            self._on_rejected(rejections)


def code_of(customer: str) -> str:
    """The external id of a customer: the value itself where it is a code, else a hash of it (it may be an address or a name)."""
    try:
        return CODE.validate_python(customer)
    except ValidationError:
        return f"h-{hashlib.sha256(customer.encode()).hexdigest()[:32]}"


def _reason(result: dict[str, Any]) -> tuple[str, str]:
    problem = result["problem"]
    return problem["code"], problem["detail"]
