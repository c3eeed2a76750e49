"""Every service alone in two processes on Kafka and PostgreSQL, and all of them in `mitra up`: the same walk sees the same."""

import signal
from collections.abc import Iterator

import pytest

from services.manifests import discover
from tests.journeys.company import Company, fresh_folder
from tests.journeys.fleet import Fleet, started_fleet
from tests.journeys.loop import check_round, walk_round
from tests.journeys.walk import TOTAL_MINOR, Walked, walk
from tests.kafka.broker import Broker
from tests.mail_sink import MailSink, sink_beside


def check(walked: Walked) -> None:
    """What every Mitra must have answered, however it runs."""
    told = [("contacts.contact.created.v1", 1), ("contacts.contact.lifecycle_changed.v1", 2)]
    assert walked.sequences(f"contact/{walked.contact['id']}") == told
    assert walked.sequences(f"order/{walked.order['id']}") == [("pipeline.order.placed.v1", 1), ("pipeline.order.refunded.v1", 2)]
    assert walked.value["revenue_to_date_minor"] == TOTAL_MINOR - 300
    assert walked.heard == [{name: value for name, value in event.items() if name != "seq"} for event in walked.journal]
    assert "asha" not in str(walked.journal).lower()


@pytest.fixture(scope="module")
def sink() -> Iterator[MailSink]:
    with sink_beside() as running:
        yield running


@pytest.fixture(scope="module")
def fleet(broker: Broker, sink: MailSink) -> Iterator[Fleet]:
    with fresh_folder() as folder, started_fleet(folder, broker.url, MITRA_SMTP_URL=sink.url) as running:
        yield running


@pytest.mark.timeout(600)
def test_the_walk_through_services_that_each_run_alone_on_kafka(fleet: Fleet) -> None:
    assert len(fleet.processes) == 2 * len(discover())
    check(walk(fleet.company))


@pytest.mark.timeout(600)
def test_the_loop_closes_through_services_that_each_run_alone_on_kafka(fleet: Fleet, sink: MailSink) -> None:
    check_round(walk_round(fleet.company, fleet.company.found_tenant(name="A loop"), sink), sink)


def test_services_that_run_alone_end_when_they_are_told_to(fleet: Fleet) -> None:
    ends = fleet.stop()
    # uvicorn passes the signal on once it has answered everybody; a worker leaves its group and ends by itself
    assert ends == {name: -signal.SIGTERM if name.startswith("serve ") else 0 for name in ends}


@pytest.mark.timeout(600)
def test_the_same_walk_on_one_machine(company: Company) -> None:
    check(walk(company))
