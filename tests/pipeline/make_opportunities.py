"""Opportunities for tests, valid and boring, in a pipeline of two open stages."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.pipeline import make_catalogue

CANARY = "zqcanary"


@dataclass(frozen=True)
class Selling:
    """A tenant that sells: its client, its pipeline, the ids of the stages by key, and a reason each to win and to lose."""

    client: httpx.AsyncClient
    pipeline: dict[str, Any]
    stages: dict[str, str]
    reasons: dict[str, str]

    def body(self, **fields: Any) -> dict[str, Any]:
        """The body of an opportunity of 1,000 US cents in the first stage."""
        return {"name": "A hundred lamps", "pipeline_id": self.pipeline["id"], "amount_minor": 1_000, **fields}

    async def open(self, **fields: Any) -> dict[str, Any]:
        """A new opportunity as the service answers it."""
        return await make_catalogue.create(self.client, "opportunities", self.body(**fields))

    async def act(self, opportunity_id: str, verb: str, **body: Any) -> dict[str, Any]:
        """What a verb that fits makes of the opportunity."""
        answer = await self.client.post(f"/v1/opportunities/{opportunity_id}/{verb}", json=self.arguments(verb) | body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def read(self, opportunity_id: str) -> dict[str, Any]:
        """The opportunity as it is."""
        return dict((await self.client.get(f"/v1/opportunities/{opportunity_id}")).json())

    async def history(self, opportunity_id: str) -> list[dict[str, Any]]:
        """The stays in its stages."""
        return list((await self.client.get(f"/v1/opportunities/{opportunity_id}/stage-history")).json()["items"])

    def arguments(self, verb: str) -> dict[str, Any]:
        """What a verb needs at least."""
        return {
            "move": {"stage_id": self.stages["talk"]},
            "win": {},
            "lose": {"reason_id": self.reasons["lost"]},
            "reopen": {"stage_id": self.stages["new"]},
        }.get(verb, {})


async def selling(client: httpx.AsyncClient, *, stages: list[dict[str, Any]] | None = None) -> Selling:
    """A pipeline and its reasons."""
    pipeline = await make_catalogue.create(client, "pipelines", make_catalogue.pipeline(stages=stages or make_catalogue.STAGES))
    reasons = {
        kind: (await make_catalogue.create(client, "reasons", make_catalogue.reason(kind=kind)))["id"] for kind in ("won", "lost", "churn")
    }
    return Selling(client, pipeline, make_catalogue.stage_ids(pipeline), reasons)
