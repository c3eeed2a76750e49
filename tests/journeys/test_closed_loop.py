"""What analytics learns changes the next case, the next lead and the campaign, and what they bring changes what analytics knows."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.journeys.company import fresh_folder, started
from tests.journeys.loop import Loop, walk_round
from tests.mail_sink import MailSink, sink_beside

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


@pytest.fixture(scope="module")
def sink() -> Iterator[MailSink]:
    with sink_beside() as running:
        yield running


@pytest.fixture(scope="module")
def loop(sink: MailSink) -> Iterator[Loop]:
    """The walk round on one machine, and what `mitra events tail` printed meanwhile."""
    with fresh_folder() as folder, started(folder, MITRA_SMTP_URL=sink.url) as company:
        key = company.found_tenant(name="A loop")
        command = company.command("events", "tail", "--url", company.url, "--key", key, "--after", "g1-0")
        with (folder / "tail.log").open("w") as log, subprocess.Popen(command, cwd=folder, text=True, stdout=log) as tail:
            try:
                seen = walk_round(company, key, sink)
            finally:
                tail.terminate()
        seen.told = (folder / "tail.log").read_text()
        yield seen


def check(seen: Loop, sink: MailSink) -> None:
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


def test_the_loop_closes_on_one_machine(loop: Loop, sink: MailSink) -> None:
    check(loop, sink)


def test_the_operators_tail_prints_the_story(loop: Loop) -> None:
    for wanted in STORY:
        assert wanted in loop.told
    assert "asha" not in loop.told.lower()
