"""A log out to the HTTP API: cases become tickets, and what was done in them becomes steps, a round at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from services.client import post

from .replay import Activity, Case, rounds_of, steps_of, ticket_of

Item = TypeVar("Item")


@dataclass
class Counts:
    """What became of the rows so far; at the end `read` is the sum of the others."""

    read: int = 0
    new: int = 0
    known: int = 0
    rejected: int = 0

    def add(self, results: Sequence[dict[str, Any]]) -> None:
        """Count the answers of a request."""
        for result in results:
            self.new += result["status"] == 201
            self.known += result["status"] == 200
            self.rejected += result["status"] not in (200, 201)


async def send_log(
    client: httpx.AsyncClient, cases: Sequence[Case], *, label: str, batch: int, on_progress: Callable[[Counts], None]
) -> Counts:
    """Send all cases, then the rounds of their activities. What was sent stands, and the same log again sends the rest.

    Raises services.client.NotAnswered where the API stays away or refuses a whole request.
    """
    counts = Counts(read=sum(len(case.activities) for case in cases))
    tickets: dict[str, str] = {}
    for some in _parts(cases, batch):
        answer = await post(client, "/v1/tickets/batch", {"operations": [ticket_of(case, label) for case in some]})
        tickets |= {case.key: result["id"] for case, result in zip(some, answer["results"], strict=True) if result["id"]}
        counts.add(answer["results"])
        on_progress(counts)
    steps = {case.key: steps_of(case) for case in cases}
    for activities in rounds_of(cases):
        for few in _parts(activities, batch):
            body = [_step(each, steps[each.case][each.number], label=label, ticket_id=tickets[each.case]) for each in few]
            answer = await post(client, "/v1/tickets/steps", {"steps": body})
            counts.add(answer["results"])
            on_progress(counts)
    return counts


def _step(activity: Activity, step: dict[str, Any], *, label: str, ticket_id: str) -> dict[str, Any]:
    return {"ticket_id": ticket_id, "key": {"source": label, "id": f"{activity.case}/{activity.number}"}, **step}


def _parts(items: Sequence[Item], most: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + most] for start in range(0, len(items), most))
