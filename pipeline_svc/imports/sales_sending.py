"""Opportunities out to the HTTP API in batches: opened, then moved, then closed, each at its own date."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx

from pipeline_svc.imports.rows import Rejection
from pipeline_svc.imports.sales_files import Deal, Sales
from pipeline_svc.imports.sales_setting import Setting, prepare
from pipeline_svc.imports.sending import TAKEN, UNDER_WAY, Counts
from services.client import get, post

PAGE = 200
Opened = tuple[Deal, str]
"""A deal and the id of its opportunity."""


class SalesSending:
    """One run. An opportunity that is there already stays as it is, unless an earlier run broke off and nobody touched it since:
    then it is carried on from where that run left it.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        label: str,
        batch: int,
        on_progress: Callable[[Counts, int], None],
        on_rejected: Callable[[Sequence[Rejection]], None],
    ) -> None:
        self._client = client
        self._label = label
        self._batch = batch
        self._on_progress = on_progress
        self._on_rejected = on_rejected
        self.counts = Counts(header=True)

    async def run(self, sales: Sales, *, currency: str) -> Counts:
        """Send everything and close the client. What was sent stands whatever happens. Raises NotAnswered."""
        self.counts.read = len(sales.deals) + len(sales.rejections)
        self._reject(sales.rejections)
        try:
            async with self._client:
                setting = await prepare(self._client, sales, label=self._label, currency=currency)
                await self._send(sales.deals, setting)
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return self.counts

    async def _send(self, deals: Sequence[Deal], setting: Setting) -> None:
        there = await self._those_there(setting)
        pieces = iter([deals[begin : begin + self._batch] for begin in range(0, len(deals), self._batch)])
        async with asyncio.TaskGroup() as group:
            for _ in range(UNDER_WAY):
                group.create_task(self._work(pieces, setting, there))

    async def _those_there(self, setting: Setting) -> dict[str, dict[str, Any]]:
        """The opportunities of the pipeline that are in lists, by the external id that `label` gave them."""
        found: dict[str, dict[str, Any]] = {}
        query: dict[str, Any] = {"filter": f'pipeline_id = "{setting.pipeline_id}"', "page_size": PAGE, "order_by": "created_at"}
        while True:
            page = await get(self._client, "/v1/opportunities", **query)
            for each in page["items"]:
                found |= {key["id"]: each for key in each["external_ids"] if key["source"] == self._label}
            if page["next_cursor"] is None:
                return found
            query["cursor"] = page["next_cursor"]

    async def _work(self, pieces: Iterator[Sequence[Deal]], setting: Setting, there: dict[str, dict[str, Any]]) -> None:
        for deals in pieces:
            opened = await self._open([deal for deal in deals if deal.key not in there], setting)
            known = [(deal, there[deal.key]) for deal in deals if deal.key in there]
            moved = opened + [(deal, each["id"]) for deal, each in known if _stands(each, setting, stage="prospecting", version=1)]
            closed = [(deal, each["id"]) for deal, each in known if _stands(each, setting, stage="engaging", version=2)]
            moved = await self._act("move", [(deal, id_) for deal, id_ in moved if deal.stage != "prospecting"], setting)
            for verb, stage in (("win", "won"), ("lose", "lost")):
                await self._act(verb, [(deal, id_) for deal, id_ in moved + closed if deal.stage == stage], setting)
            self.counts.known += len(known)
            self._on_progress(self.counts, self.counts.accepted + self.counts.rejected)

    async def _open(self, deals: Sequence[Deal], setting: Setting) -> list[Opened]:
        operations = [{"op": "create", "data": self._body(deal, setting)} for deal in deals]
        results = await self._post("/v1/opportunities/batch", "operations", operations)
        reasons = [(deal, _reason(result)) for deal, result in zip(deals, results, strict=True) if result["problem"]]
        refused = [Rejection(deal.line, *reason) for deal, reason in reasons if reason[0] != TAKEN]
        self.counts.new += len(deals) - len(reasons)
        self.counts.known += len(reasons) - len(refused)
        self._reject(refused)
        return [(deal, result["id"]) for deal, result in zip(deals, results, strict=True) if not result["problem"]]

    async def _act(self, verb: str, opened: Sequence[Opened], setting: Setting) -> list[Opened]:
        """Carry out a verb on each; one that is refused (somebody was there meanwhile) is left as it is. Answers the others."""
        items = [{"id": id_, **_arguments(verb, deal, setting)} for deal, id_ in opened]
        results = await self._post(f"/v1/opportunities/batch/{verb}", "items", items)
        return [each for each, result in zip(opened, results, strict=True) if not result["problem"]]

    def _body(self, deal: Deal, setting: Setting) -> dict[str, Any]:
        line = {"product_id": setting.products[deal.product], "unit_price_minor": deal.amount_minor}
        return {
            "name": f"{deal.product_name} for {deal.account or 'nobody yet'}",
            "contact_id": setting.customers.get(deal.account),
            "pipeline_id": setting.pipeline_id,
            "opened_at": deal.opened_at,
            "owner_id": setting.users[deal.agent],
            "lines": [line],
            "external_ids": [{"source": self._label, "id": deal.key}],
        }

    async def _post(self, path: str, name: str, items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        if not items:
            return []
        results: list[dict[str, Any]] = (await post(self._client, path, {name: items}))["results"]
        return results

    def _reject(self, rejections: Sequence[Rejection]) -> None:
        if rejections:
            self.counts.rejected += len(rejections)
            self._on_rejected(rejections)


def _stands(opportunity: dict[str, Any], setting: Setting, *, stage: str, version: int) -> bool:
    """Whether it stands where a run that broke off leaves it, untouched since."""
    return (opportunity["stage_id"], opportunity["version"]) == (setting.stages[stage], version)


def _arguments(verb: str, deal: Deal, setting: Setting) -> dict[str, Any]:
    if verb == "move":
        return {"stage_id": setting.stages["engaging"], "at": deal.opened_at}
    return {"at": deal.closed_at} | ({"reason_id": setting.reason_id} if verb == "lose" else {})


def _reason(result: dict[str, Any]) -> tuple[str, str]:
    return result["problem"]["code"], result["problem"]["detail"]
