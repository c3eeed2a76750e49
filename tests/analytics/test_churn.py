"""How likely a customer is to leave and why, over HTTP: events in, an answer whose parts add up."""

from datetime import UTC, date, datetime, timedelta
from math import exp
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from analytics_svc.churn.signals import count_signals
from services.bus import Message
from services.contracts import Event
from services.database import Context
from services.events.campaigns_sends import SendClicked, SendSent
from services.events.pipeline_activities import ActivityCompleted
from services.events.tickets import TicketArchived, TicketOpened, TicketResolved, TicketUpdated
from services.identifiers import new_id
from services.outbox import Written, envelope_of
from tests.analytics.make import KNOWN, Order, publish
from tests.analytics.test_customers import FEB, JAN, fitted
from tests.analytics.test_models import fit, models
from tests.harness import Mitra

TODAY = date(2026, 3, 2)
SECONDS = {"seconds_elapsed": 60}


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
def analytics(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    return mitra.client("analytics", mitra.caller(tenant_id))


async def churn(analytics: httpx.AsyncClient, contact_id: UUID, **query: Any) -> dict[str, Any]:
    answer = await analytics.get(f"/v1/customers/{contact_id}/churn", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


class Story:
    """A subject whose events follow one another, as a service tells them."""

    def __init__(self, tenant_id: UUID, topic: str, state: dict[str, Any]) -> None:
        self.tenant_id, self.topic = tenant_id, topic
        self.state = state | {"id": new_id(), "created_at": KNOWN}
        self.messages: list[Message] = []

    def tell(
        self, kind: type[Event], on: date, *, recorded_at: datetime = KNOWN, special: dict[str, Any] | None = None, **state: Any
    ) -> "Story":
        self.state |= state
        fact = kind.model_validate({"state": self.state, **(special or {})})
        written = Written(self.state["id"], len(self.messages) + 1, f"{self.tenant_id}:{self.state['id']}", recorded_at)
        at = datetime.combine(on, datetime.min.time(), UTC) + timedelta(hours=12)
        envelope = envelope_of(written, fact, Context(self.tenant_id, "system:test", "test"), occurred_at=at)
        self.messages.append(Message(self.topic, envelope.partition_key, envelope.to_json().decode()))
        return self


def ticket(tenant_id: UUID, contact_id: UUID | None, on: date, **state: Any) -> Story:
    opened = datetime.combine(on, datetime.min.time(), UTC)
    born = {"number": 1, "type": "question", "status": "new", "priority": "normal", "channel": "email", "status_since": opened}
    story = Story(tenant_id, "crm.tickets", born | {"opened_at": opened, "contact_id": contact_id} | state)
    return story.tell(TicketOpened, on)


def numbers(answer: dict[str, Any]) -> dict[str, float]:
    return {reason["code"]: reason["number"] for reason in answer["reasons"]}


async def test_without_a_purchase_or_a_model_there_is_no_answer(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    unknown = await analytics.get(f"/v1/customers/{uuid4()}/churn")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "no_purchase_known")
    order = Order(tenant_id, new_id()).place(JAN)
    await publish(mitra, order.events)
    refused = await analytics.get(f"/v1/customers/{order.contact_id}/churn")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_model")


async def test_a_short_history_is_answered_by_the_closed_form_alone_and_says_so(
    mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient
) -> None:
    contact_id = new_id()
    await fitted(mitra, tenant_id, [Order(tenant_id, contact_id).place(day) for day in (JAN, FEB)])
    answer = await churn(analytics, contact_id)
    assert (answer["basis"], answer["model"]["family"], answer["horizon_days"], answer["as_of"]) == (
        "closed_form",
        "mbg_nbd",
        180,
        "2026-03-02",
    )
    assert answer["churn"] == pytest.approx(answer["churn_closed_form"], rel=1e-12)
    (reason,) = answer["reasons"]
    assert reason["sentence"] == "last order 20 days ago, usually every 31"
    assert (reason["code"], reason["number"], reason["usual"]) == ("last_order", 20, 31)
    assert answer["average_log_odds"] + reason["contribution"] == pytest.approx(answer["log_odds"], abs=1e-12)


async def test_a_longer_history_is_answered_by_one_logit_whose_parts_add_up(
    mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient
) -> None:
    contact_ids = await fitted(mitra, tenant_id, customers=320)
    seen = []
    for contact_id in contact_ids[:12]:
        for horizon in (30, 180):
            answer = await churn(analytics, contact_id, horizon=horizon)
            assert answer["basis"] == "combined"
            total = answer["average_log_odds"] + sum(reason["contribution"] for reason in answer["reasons"])
            assert total == pytest.approx(answer["log_odds"], abs=1e-9)
            assert answer["churn"] == pytest.approx(1 / (1 + exp(-answer["log_odds"])), rel=1e-12)
            sizes = [abs(reason["contribution"]) for reason in answer["reasons"]]
            assert sizes == sorted(sizes, reverse=True)
            seen.append(answer["churn"])
    assert all(short > long for short, long in zip(seen[::2], seen[1::2], strict=True))


async def test_who_has_fallen_silent_is_likelier_to_leave(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    regular, silent = new_id(), new_id()
    days = [date(2025, 9, 1) + timedelta(days=14 * n) for n in range(13)]
    orders = [Order(tenant_id, regular).place(day) for day in days] + [Order(tenant_id, silent).place(day) for day in days[:6]]
    await fitted(mitra, tenant_id, orders, customers=320)
    stays, leaves = await churn(analytics, regular), await churn(analytics, silent)
    assert stays["churn"] < 0.3 < 0.5 < leaves["churn"]
    said = {reason["code"]: reason["sentence"] for reason in leaves["reasons"]}
    assert said["last_order"] == "last order 112 days ago, usually every 14"
    assert said["frequency"] == "has bought on 6 days"


async def test_as_of_and_known_at_hide_what_came_later(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    contact_id = new_id()
    early = Order(tenant_id, contact_id).place(JAN, recorded_at=KNOWN - timedelta(days=20))
    await fitted(mitra, tenant_id, [early, Order(tenant_id, contact_id).place(FEB, recorded_at=KNOWN)], customers=320)
    then = await churn(analytics, contact_id, as_of="2026-02-09")
    assert (numbers(then)["last_order"], numbers(then)["frequency"], then["in_sample"]) == (30, 1, True)
    learnt = await churn(analytics, contact_id, known_at=(KNOWN - timedelta(days=1)).isoformat())
    assert (numbers(learnt)["last_order"], learnt["in_sample"], learnt["position"]["facts"]) == (51, False, 1)


@pytest.mark.parametrize(("query", "code"), [("as_of=2026-03-03", "in_the_future"), ("horizon=0", "greater_than_equal")])
async def test_a_wrong_question_is_refused(analytics: httpx.AsyncClient, query: str, code: str) -> None:
    answer = await analytics.get(f"/v1/customers/{uuid4()}/churn?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code)


async def test_a_named_model_answers_and_one_of_another_kind_is_refused(
    mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient
) -> None:
    contact_id = (await fitted(mitra, tenant_id))[0]
    (second,) = (await fit(mitra, analytics, as_of="2026-01-31", kinds=["churn"]))["result"]["model_ids"]
    assert (await churn(analytics, contact_id, model_id=second))["model"]["id"] == second
    (value,) = await models(analytics, filter='kind = "value"')
    refused = await analytics.get(f"/v1/customers/{contact_id}/churn", params={"model_id": value["id"]})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "wrong_kind")


async def test_tickets_mails_and_activities_are_counted_as_they_stood_on_the_day(
    mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient
) -> None:
    """The counts of each signal, read from the facts of the events, on three days and as known at an instant."""
    mine, other = new_id(), new_id()
    await publish(mitra, Order(tenant_id, mine).place(JAN).events)
    open_one = ticket(tenant_id, mine, FEB, type="complaint")
    solved = ticket(tenant_id, mine, JAN).tell(TicketResolved, FEB, status="resolved", special=SECONDS)
    hidden = ticket(tenant_id, mine, JAN).tell(TicketArchived, JAN, archived_at=KNOWN)
    handed = ticket(tenant_id, mine, JAN).tell(TicketUpdated, FEB, contact_id=other)
    late = ticket(tenant_id, mine, date(2025, 10, 1)).tell(TicketResolved, date(2025, 10, 2), status="resolved", special=SECONDS)
    call = Story(tenant_id, "crm.pipeline", {"kind": "call", "status": "done", "contact_id": mine})
    call.tell(ActivityCompleted, FEB, recorded_at=KNOWN + timedelta(hours=6), special={"seconds": 60})
    send = {"campaign_id": new_id(), "contact_id": mine, "occurrence": 1, "channel": "email", "arm": "treatment", "status": "sent"}
    mail = Story(tenant_id, "crm.campaigns", send).tell(SendSent, JAN)
    for machine in (True, False):
        mail.tell(SendClicked, FEB, special={"machine": machine, "link_id": "l1"})
    nobody = ticket(tenant_id, None, JAN)
    stories = (open_one, solved, hidden, handed, late, call, mail, nobody)
    await publish(mitra, [message for story in stories for message in story.messages])

    async def counts(as_of: date, known_at: datetime | None = None) -> dict[str, int]:
        async with mitra.session("analytics", tenant_id) as session:
            found = await count_signals(session, [other, mine], as_of, known_at=known_at)
            return {name: int(seen[1]) for name, seen in found.items() if seen[1]}

    assert await counts(TODAY) == {"tickets_open": 1, "tickets_past": 1, "complaints": 1, "sends": 1, "clicks": 1, "activities": 1}
    assert await counts(TODAY, KNOWN) == {"tickets_open": 1, "tickets_past": 1, "complaints": 1, "sends": 1, "clicks": 1}
    assert await counts(FEB - timedelta(days=1)) == {"tickets_open": 2, "sends": 1}
    assert await counts(date(2025, 12, 1)) == {"tickets_past": 1}


async def test_a_model_read_back_is_the_model_that_was_fitted(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    await fitted(mitra, tenant_id, customers=320)
    (read,) = await models(analytics, filter='kind = "churn"')
    names = [parameter["name"] for parameter in read["parameters"]]
    assert (read["family"], names[:7]) == ("mbg_nbd_logit", ["r", "alpha", "a", "b", "intercept", "weight.closed_form", "weight.horizon"])
    assert {"weight.frequency", "mean.frequency", "weight.complaints", "mean.x", "mean.t_x", "mean.age"} <= set(names)
    assert [parameter["standard_error"] is not None for parameter in read["parameters"]] == [True] * 4 + [False] * (len(names) - 4)
