"""The closed loop as a company lives it, at the door alone: what analytics learns changes the next case, the next lead and the campaign."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx

from tests.journeys.company import Company, wait_until
from tests.mail_sink import MailSink

SECONDS = 90.0
CUSTOMERS = 240
PEOPLE = ("senior", "junior")
PERSON = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
PROOF = {"kind": "statement", "at": "2026-01-15T10:00:00Z"}
LAMPS = "https://shop.example.com/lamps"
STORY = [
    "pipeline.order.placed.v1",
    "contacts.contact.created.v1",
    "tickets.ticket.opened.v1",
    "tickets.ticket.assigned.v1",
    "tickets.ticket.resolved.v1",
    "analytics.customer.scored.v1",
    "tickets.ticket.opened.v1",
    "tickets.ticket.assigned.v1",
    "campaigns.send.sent.v1",
    "campaigns.send.clicked.v1",
    "pipeline.order.placed.v1",
]


@dataclass
class Loop:
    """What was seen on the way round."""

    asha: str = ""
    scored: dict[str, Any] = field(default_factory=dict)
    cases: list[dict[str, Any]] = field(default_factory=list)
    lead: dict[str, Any] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    preview: dict[str, Any] = field(default_factory=dict)
    sends: list[dict[str, Any]] = field(default_factory=list)
    churn: list[float] = field(default_factory=list)
    lift: dict[str, Any] = field(default_factory=dict)
    timeline: list[dict[str, Any]] = field(default_factory=list)
    told: str = ""


def walk_round(company: Company, key: str, sink: MailSink) -> Loop:
    """Asha buys, complains and is scored; then she is served by whom she is worth, written to, and buys again."""
    seen = Loop()
    with company.client(key) as client:
        seen.people = {name: _post(client, "/v1/users", {"email": f"{name}@example.com", "name": name})["id"] for name in PEOPLE}
        seen.asha, bela = _contact(client, "Asha", consents=True), _contact(client, "Bela", consents=False)
        _order(client, seen.asha, days_ago=0)
        _open_desk(client, seen.people)
        seen.cases.append(_case(client, seen.asha))
        _learn_from_the_past(client, regulars=[seen.asha, bela])
        seen.scored = _await_score(client, seen.asha)
        seen.cases.append(_case_after_the_score(client, seen.asha))
        seen.lead = _lead(client, bela, seen.people)
        campaign_id = _campaign(client, seen)
        _await_mail_and_click(client, campaign_id, company=company, sink=sink)
        _buy_again(client, campaign_id, seen)
        _read_again(client, seen)
    return seen


def check_round(seen: Loop, sink: MailSink) -> None:
    """What every Mitra must have answered, however it runs."""
    state = seen.scored["data"]["state"]
    assert state["tier"] in ("top", "big")
    assert state["value_at_risk_minor"] > 0
    first, next_case = (case["data"] for case in seen.cases)
    assert "no_score" in {reason["code"] for reason in first["reasons"]}
    assert next_case["state"]["assignee_id"] == seen.people["senior"]
    assert next_case["expected_loss_minor"] == next_case["state"]["value_at_risk_minor"] > 0
    assert seen.lead["data"]["state"]["owner_id"] == seen.people["senior"]
    assert seen.asha in seen.preview["sample"]
    assert [mail.recipient for mail in sink.mails] == ["asha@example.com"]
    assert [send["contact_id"] for send in seen.sends] == [seen.asha]
    before, after = seen.churn
    assert after < before
    conversion = seen.lift["metrics"][0]
    assert seen.lift["treatment_size"] > seen.lift["holdout_size"] > 1
    assert float(conversion["low"]) <= float(conversion["lift"]) <= float(conversion["high"])
    types = iter(item["type"] for item in seen.timeline)
    assert all(wanted in types for wanted in STORY), [item["type"] for item in seen.timeline]
    assert "contacts.consent.granted.v1" in {item["type"] for item in seen.timeline}
    assert [item["time"] for item in seen.timeline] == sorted(item["time"] for item in seen.timeline)


def _contact(client: httpx.Client, name: str, *, consents: bool) -> str:
    body = {"kind": "person", "given_name": name, "emails": [{"address": f"{name.lower()}@example.com"}]}
    contact_id: str = _post(client, "/v1/contacts", body)["id"]
    if consents:
        if not _get(client, "/v1/consent-purposes")["items"]:
            wording = {"language": "en", "text": "May we write to you?"}
            _post(client, "/v1/consent-purposes", {"key": "news", "name": "News", "channels": ["email"], "wordings": [wording]})
        granted = {"contact_id": contact_id, "purpose": "news", "channel": "email", "status": "granted", "proof": PROOF}
        _post(client, "/v1/consents", granted)
    return contact_id


def _order(client: httpx.Client, contact_id: str, *, days_ago: int, **fields: Any) -> dict[str, Any]:
    return _post(client, "/v1/orders", _bought(contact_id, days_ago=days_ago, total_minor=20_000) | fields)


def _bought(contact_id: str, *, days_ago: int, total_minor: int) -> dict[str, Any]:
    placed_at = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat()
    body = {"contact_id": contact_id, "currency": "USD", "status": "placed", "placed_at": placed_at, "paid": True}
    return body | {"total_minor": total_minor}


def _open_desk(client: httpx.Client, people: dict[str, str]) -> None:
    """Two agents, one of them senior, and the rule that weighs what may be lost; two sellers and the rule that weighs what may be won."""
    for name, level in zip(PEOPLE, (5, 1), strict=True):
        agent = _post(client, "/v1/agents", {"user_id": people[name], "skills": [{"key": "lamps", "level": level}], "capacity": 5})
        _post(client, f"/v1/agents/{agent['id']}/presence", {"presence": "available"})
    rule = _post(client, "/v1/routing-rules", {"name": "By what may be lost", "strategy": "expected_loss"})
    _post(client, f"/v1/routing-rules/{rule['id']}/activate", {})
    targets = [{"user_id": people[name], "seniority": seniority} for name, seniority in zip(PEOPLE, (5, 1), strict=True)]
    rule = _post(client, "/v1/assignment-rules", {"noun": "leads", "strategy": "expected_value", "targets": targets})
    _post(client, f"/v1/assignment-rules/{rule['id']}/activate", {})


def _case(client: httpx.Client, contact_id: str) -> dict[str, Any]:
    """A complaint, once a rule has given it to somebody, with the event that says why; it is resolved then."""
    body = {"subject_line": "The lamp came broken", "type": "complaint", "complaint": {"severity": 2}, "contact_id": contact_id}
    path = f"/v1/tickets/{_post(client, '/v1/tickets', body)['id']}"
    assigned = _await_event(client, f"ticket/{path.rpartition('/')[2]}", "tickets.ticket.assigned.v1")
    _post(client, f"{path}/resolve", {})
    return assigned


def _case_after_the_score(client: httpx.Client, contact_id: str) -> dict[str, Any]:
    """The next case, of which tickets knows by then what may be lost (the score takes its way over the bus)."""
    found: list[dict[str, Any]] = []

    def weighed() -> bool:
        found.append(_case(client, contact_id))
        return found[-1]["data"]["expected_loss_minor"] is not None

    wait_until(weighed, seconds=SECONDS, otherwise=lambda: str(found[-1]))
    return found[-1]


def _learn_from_the_past(client: httpx.Client, *, regulars: list[str]) -> None:
    """Two years of others who bought now and then, of regulars who have been silent for four months, and the models that see it."""
    dice, orders = random.Random(11), list[dict[str, Any]]()
    people = [{"op": "create", "data": {"kind": "person", "given_name": f"Customer {number}"}} for number in range(CUSTOMERS)]
    for contact in _post(client, "/v1/contacts/batch", {"operations": people})["results"]:
        contact_id, days, rate = contact["id"], dice.randint(200, 700), dice.gammavariate(1.5, 0.01)
        while days > 0:
            orders.append(_bought(contact_id, days_ago=days, total_minor=500 + round(dice.gammavariate(4, 400))))
            days -= 1 + round(dice.expovariate(rate)) if dice.random() < 0.8 else 1000
    orders += [_bought(regular, days_ago=days, total_minor=20_000) for regular in regulars for days in range(120, 700, 20)]
    for start in range(0, len(orders), 500):
        made = _post(client, "/v1/orders/batch", {"operations": [{"op": "create", "data": order} for order in orders[start : start + 500]]})
    last = made["results"][-1]
    _await_version(client, f"/v1/customers/{regulars[-1]}/summary", f"order/{last['id']}@{last['version']}")
    job = _post(client, "/v1/models/fit", {})
    _until(client, f"/v1/analytics-jobs/{job['id']}", lambda found: found["status"] == "succeeded")


def _await_score(client: httpx.Client, contact_id: str) -> dict[str, Any]:
    """The first event that says what the customer is worth and how likely she is to leave."""
    subject = f"customer/{contact_id}"
    found: list[dict[str, Any]] = []

    def scored() -> bool:
        found[:] = [e for e in _events(client, subject, "analytics.customer.scored.v1") if e["data"]["state"]["churn_bps"] is not None]
        return bool(found)

    wait_until(scored, seconds=SECONDS)
    return found[0]


def _lead(client: httpx.Client, contact_id: str, people: dict[str, str]) -> dict[str, Any]:
    """The event that gave a lead of somebody alike to a seller, once pipeline knows the score of that contact."""
    found: list[dict[str, Any]] = []

    def valued() -> bool:
        lead = _post(client, "/v1/leads", {"contact_id": contact_id, "source": "referral"})
        found.append(_await_event(client, f"lead/{lead['id']}", "*"))
        return "no_score" not in str(found[-1])

    wait_until(valued, seconds=SECONDS, otherwise=lambda: str(found[-1]))
    return found[-1]


def _campaign(client: httpx.Client, seen: Loop) -> str:
    """A campaign to win back who is worth most, once its preview holds Asha; approved, and begun."""
    body = {"name": "Worth most", "include": ['tier = "top" OR tier = "big" OR tier = "medium"']}
    audience = _post(client, "/v1/audiences", body)

    def holds_her() -> bool:
        seen.preview = _post(client, f"/v1/audiences/{audience['id']}/preview", {})
        return seen.preview["size"] >= CUSTOMERS // 6

    wait_until(holds_her, seconds=SECONDS, otherwise=lambda: str(seen.preview))
    _post(client, f"/v1/audiences/{audience['id']}/ready", {})
    page = f'<p>Come back, {{{{ contact.given_name }}}}: <a href="{LAMPS}">lamps</a></p>'
    template = _post(client, "/v1/templates", {"name": "Back", "subject": "We miss you", "text": "Come back", "html": page})
    _post(client, f"/v1/templates/{template['id']}/publish", {})
    sender = _post(client, "/v1/senders", {"name": "Shop", "from_name": "Shop", "from_address": "shop@example.com"})
    _post(client, f"/v1/senders/{sender['id']}/verify", {})
    parts = {"audience_id": audience["id"], "template_id": template["id"], "sender_id": sender["id"]}
    campaign_id = _treating(client, seen.asha, {"name": "Win back", "purpose": "news", "holdout_bps": 3_000} | parts)
    for verb in ("submit", "approve", "schedule"):
        _post(client, f"/v1/campaigns/{campaign_id}/{verb}", {})
    return campaign_id


def _treating(client: httpx.Client, contact_id: str, body: dict[str, Any]) -> str:
    """A draft whose salt does not happen to hold this contact out."""
    while True:
        campaign_id: str = _post(client, "/v1/campaigns", body)["id"]
        if _get(client, f"/v1/campaigns/{campaign_id}/explain", contact_id=contact_id)["arm"] == "treatment":
            return campaign_id


def _await_mail_and_click(client: httpx.Client, campaign_id: str, *, company: Company, sink: MailSink) -> None:
    """The mail arrives and its link is followed, later than a machine would."""
    _until(client, f"/v1/campaigns/{campaign_id}", lambda campaign: campaign["status"] == "completed")
    (mail,) = sink.mails
    page = mail.message.get_body(("html",))
    assert page is not None
    link = re.search(r'href="(http[^"]+/v1/track/clicks/[^"]+)"', page.get_content())
    assert link is not None, page.get_content()
    path = httpx.URL(unescape(link[1])).raw_path.decode()

    def clicked() -> bool:
        answer = httpx.get(f"{company.url}{path}", headers=PERSON)
        assert (answer.status_code, answer.headers.get("Location")) == (302, LAMPS), (path, answer.text)
        return any(send["clicks"] for send in _get(client, "/v1/sends")["items"])

    wait_until(clicked, seconds=SECONDS)


def _buy_again(client: httpx.Client, campaign_id: str, seen: Loop) -> None:
    """She orders again: churn before and after, and what the campaign is found to have done."""
    path = f"/v1/customers/{seen.asha}/churn"
    seen.sends = _get(client, "/v1/sends", filter='status = "sent"')["items"]
    before = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    seen.churn.append(_get(client, path, as_of=before)["churn"])
    order = _order(client, seen.asha, days_ago=0, campaign_id=campaign_id)
    seen.churn.append(_await_version(client, path, f"order/{order['id']}@{order['version']}")["churn"])
    seen.lift = _until(client, f"/v1/campaigns/{campaign_id}/lift", lambda lift: float(lift["metrics"][0]["treatment_mean"]) > 0)


def _read_again(client: httpx.Client, seen: Loop) -> None:
    """The whole story, of the first thing to the last, once the journal has it."""
    path = f"/v1/customers/{seen.asha}/timeline"
    wanted = "campaigns.send.clicked.v1"
    _until(client, f"{path}?page_size=200&order_by=-time", lambda page: any(item["type"] == wanted for item in page["items"]))
    cursor: dict[str, str] = {}
    while True:
        page = _get(client, path, page_size="200", **cursor)
        seen.timeline += page["items"]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


def _events(client: httpx.Client, subject: str, types: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = _get(client, "/v1/events", subject=subject, types=types)["items"]
    return items


def _await_event(client: httpx.Client, subject: str, types: str) -> dict[str, Any]:
    """The first event of `types` of a subject, once the journal has it."""
    wait_until(lambda: bool(_events(client, subject, types)), seconds=SECONDS, otherwise=lambda: str(_events(client, subject)))
    return _events(client, subject, types)[0]


def _await_version(client: httpx.Client, path: str, version: str) -> dict[str, Any]:
    headers = {"Mitra-Version": version}
    wait_until(lambda: client.get(path, headers=headers).is_success, seconds=SECONDS, otherwise=lambda: client.get(path).text)
    return _get(client, path)


def _until(client: httpx.Client, path: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What `path` answers once `holds` does."""
    wait_until(lambda: holds(_get(client, path)), seconds=SECONDS, otherwise=lambda: client.get(path).text)
    return _get(client, path)


def _get(client: httpx.Client, path: str, **params: str) -> dict[str, Any]:
    answer = client.get(path, params=params or None)
    assert answer.is_success, f"{path}: {answer.text}"
    return dict(answer.json())


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.is_success, f"{path}: {answer.text}"
    return dict(answer.json())
