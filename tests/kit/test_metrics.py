"""The metrics: what happens shows on the page that Prometheus reads, by value, and the document names every one of them."""

import bisect
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert

from services import metrics, readings
from services.bus import Message
from services.identifiers import new_id
from services.jobs import enqueue
from services.manifests import discover, get_manifest
from services.metrics import METRICS, Metric, Sample, Timings, page_of
from services.parking import Parked
from services.worker import Worker
from tests.harness import Mitra
from tests.kit.test_relay import make
from tests.pipeline import make as orders

ROOT = Path(__file__).resolve().parents[2]
LABELS = {"service", "operation", "status", "code", "topic", "reason", "kind", "outcome"}


class Page:
    """What a page says, by the name of a sample and its labels."""

    def __init__(self, text: str) -> None:
        families = list(text_string_to_metric_families(text))
        self.samples = {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}

    def value(self, name: str, **labels: str) -> float:
        """The value of a sample; 0 where there is none yet."""
        return self.samples.get((name, frozenset(labels.items())), 0.0)


async def page(mitra: Mitra, service: str = "demo") -> Page:
    return Page(page_of(await readings.of_workers([mitra.workers[service]])).decode())


async def web_page(things: httpx.AsyncClient) -> Page:
    answer = await things.get("/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return Page(answer.text)


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
def things(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    return mitra.client("demo", mitra.caller(tenant_id))


async def test_requests_are_counted_by_operation_and_status_with_their_durations(things: httpx.AsyncClient) -> None:
    before = await web_page(things)
    made = await things.post("/v1/things", json={"label": "lamp"})
    assert made.status_code == 201
    assert (await things.post("/v1/things", json={"label": 7})).status_code == 422
    for _ in range(3):
        assert (await things.get(f"/v1/things/{made.json()['id']}")).status_code == 200
    assert (await things.get(f"/v1/things/{new_id()}")).status_code == 404
    assert (await things.get("/v1/nothing/here")).status_code == 404
    after = await web_page(things)

    def more(operation: str, status: str, of: str = "count", **labels: str) -> float:
        name, labels = f"mitra_http_request_seconds_{of}", {"service": "demo", "operation": operation, "status": status, **labels}
        return after.value(name, **labels) - before.value(name, **labels)

    assert more("things.create", "201") == more("things.create", "422") == 1
    assert (more("things.get", "200"), more("things.get", "404"), more("none", "404")) == (3, 1, 1)
    assert more("things.get", "200", of="bucket", le="+Inf") == 3
    assert 0 < more("things.get", "200", of="sum") < 30


async def test_a_request_that_fails_on_our_side_is_a_500(mitra: Mitra, things: httpx.AsyncClient) -> None:
    state = mitra.apps["demo"].state
    database, state.database = state.database, None
    assert (await things.get("/v1/things")).status_code == 500
    state.database = database
    labels = {"service": "demo", "operation": "things.list", "status": "500"}
    assert (await web_page(things)).value("mitra_http_request_seconds_count", **labels) >= 1


async def test_an_event_is_seen_waiting_on_its_way_and_applied(mitra: Mitra, tenant_id: UUID) -> None:
    worker, relay = mitra.workers["demo"], mitra.relays["demo"]
    await mitra.drain()
    before = await page(mitra)
    await make(mitra, tenant_id, 3)
    mitra.clock.advance(seconds=90)
    written = await page(mitra)
    assert written.value("mitra_outbox_events", service="demo") == 3
    assert written.value("mitra_outbox_age_seconds", service="demo") == pytest.approx(90, abs=0.1)
    await worker.relay.move(relay)
    on_the_bus = await page(mitra)
    assert on_the_bus.value("mitra_outbox_events", service="demo") == on_the_bus.value("mitra_outbox_age_seconds", service="demo") == 0
    assert on_the_bus.value("mitra_consumer_lag_events", service="demo", topic="crm.demo") == 3
    await worker.consumer.step(wait_seconds=0)
    applied = await page(mitra)
    assert applied.value("mitra_consumer_lag_events", service="demo", topic="crm.demo") == 0
    for name in ("mitra_relay_published_events_total", "mitra_consumer_applied_events_total"):
        assert applied.value(name, service="demo") - before.value(name, service="demo") == 3
    assert applied.value("mitra_unreadable", service="demo") == 0


async def test_freshness_is_measured_from_what_was_heard_last(mitra: Mitra, tenant_id: UUID) -> None:
    """At most so long: an event that came after a silence has not waited for as long as the silence was."""
    worker, relay = mitra.workers["demo"], mitra.relays["demo"]
    for moved in (1, 1):
        await make(mitra, tenant_id, moved)
        await worker.relay.move(relay)
        fresh = await page(mitra)
        assert 0 <= fresh.value("mitra_projection_behind_seconds", service="demo") < 60
        await worker.consumer.step(wait_seconds=0)
        assert (await page(mitra)).value("mitra_projection_behind_seconds", service="demo") == 0
        await worker.consumer.step(wait_seconds=0)
        mitra.clock.advance(hours=2)
    worker.consumer._caught_up_at -= 7200
    await make(mitra, tenant_id, 1)
    await worker.relay.move(relay)
    stale = await page(mitra)
    assert stale.value("mitra_projection_behind_seconds", service="demo") == pytest.approx(7200, abs=60)
    await worker.consumer.step(wait_seconds=0)


async def test_repeats_and_what_cannot_be_decoded_are_counted(mitra: Mitra, tenant_id: UUID) -> None:
    await make(mitra, tenant_id, 1)
    (envelope,) = await mitra.outbox("demo")
    before = await page(mitra)
    raw = envelope.to_json().decode()
    await mitra.workers["demo"].relay._bus.publish([Message("crm.demo", "k", raw), Message("crm.demo", "k", "nonsense")])
    await mitra.drain()
    after = await page(mitra)
    for name in ("mitra_consumer_repeated_events_total", "mitra_consumer_dead_letters_total"):
        assert after.value(name, service="demo") - before.value(name, service="demo") == 1


async def test_parked_subjects_are_told_apart_by_what_they_wait_for(mitra: Mitra, tenant_id: UUID) -> None:
    at = datetime.now(UTC)
    row = {"consumer": "demo", "tenant_id": tenant_id, "topic": "crm.demo", "partition": 0, "event": "{}"}
    gaps = [
        {"subject": f"thing/{n}", "sequence": s, "reason": "gap", "parked_at": at - timedelta(seconds=s)} for n in (1, 2) for s in (30, 90)
    ]
    failed = {"subject": "thing/3", "sequence": 1, "reason": "failed", "parked_at": at - timedelta(seconds=10)}
    async with mitra.session("demo", None) as session:
        await session.execute(insert(Parked), [row | each for each in (*gaps, failed)])
        await session.commit()
    found = await page(mitra)
    assert [found.value("mitra_parked_subjects", service="demo", reason=reason) for reason in ("gap", "failed")] == [2, 1]
    ages = [found.value("mitra_parked_age_seconds", service="demo", reason=reason) for reason in ("gap", "failed")]
    assert ages == pytest.approx([90, 10], abs=8)


async def test_jobs_are_seen_due_late_and_by_their_outcome(mitra: Mitra, tenant_id: UUID) -> None:
    before = await page(mitra)
    async with mitra.session("demo", tenant_id) as session:
        await enqueue(session, "count", "a", arguments={"to": 2})
        await enqueue(session, "count", "b", arguments={})
        await enqueue(session, "count", "c", arguments={"to": 1}, run_at=mitra.clock() + timedelta(days=1))
        await session.commit()
    mitra.clock.advance(seconds=45)
    waiting = await page(mitra)
    assert waiting.value("mitra_jobs_due", service="demo") == 2
    assert waiting.value("mitra_jobs_late_seconds", service="demo") == pytest.approx(45, abs=0.1)
    await mitra.drain()
    done = await page(mitra)
    assert done.value("mitra_jobs_due", service="demo") == 0
    for outcome in ("succeeded", "retried"):
        labels = {"service": "demo", "kind": "count", "outcome": outcome}
        assert done.value("mitra_job_seconds_count", **labels) - before.value("mitra_job_seconds_count", **labels) == 1


async def test_contacts_that_nothing_was_heard_of_are_counted_once_a_day(mitra: Mitra, tenant_id: UUID) -> None:
    async def unknown() -> float | None:
        return (await page(mitra, "pipeline")).samples.get(("mitra_unknown_contacts", frozenset({("service", "pipeline")})))

    async with mitra.client("pipeline", mitra.caller(tenant_id)) as client:
        for _ in range(2):
            await orders.create(client, orders.order())
    assert await unknown() is None
    await mitra.workers["pipeline"].jobs.ensure_schedules()
    await mitra.drain()
    assert await unknown() == 2
    async with mitra.client("pipeline", mitra.caller(tenant_id)) as client:
        await orders.create(client, orders.order())
    await mitra.drain()
    assert await unknown() == 2
    mitra.clock.advance(hours=25)
    await mitra.drain()
    assert await unknown() == 3


async def test_a_database_that_does_not_answer_leaves_the_rest_of_the_page(mitra: Mitra) -> None:
    nowhere = mitra.settings.model_copy(update={"database_url": "postgresql+asyncpg://mitra_app:x@127.0.0.1:1/mitra_{service}"})
    worker = Worker(get_manifest("demo", mitra.settings.services_path), nowhere, mitra.workers["demo"].relay._bus)
    found = Page(page_of(await readings.of_workers([worker, mitra.workers["contacts"]])).decode())
    assert [found.value("mitra_unreadable", service=name) for name in ("demo", "contacts")] == [1, 0]
    assert ("mitra_relay_published_events_total", frozenset({("service", "demo")})) in found.samples
    assert ("mitra_outbox_events", frozenset({("service", "demo")})) not in found.samples


async def test_no_label_tells_of_a_tenant_a_person_or_a_record(mitra: Mitra, things: httpx.AsyncClient) -> None:
    made = (await things.post("/v1/things", json={"label": "zqcanary"})).json()
    await things.get(f"/v1/things/{made['id']}", params={"secret": "zqcanary"})
    await things.get("/v1/zqcanary")
    await mitra.drain()
    for found in (await web_page(things), await page(mitra)):
        ours = [dict(labels) for name, labels in found.samples if name.startswith("mitra_")]
        assert ours
        assert {name for labels in ours for name in labels} <= LABELS | {"le"}
        assert all(re.fullmatch(r"[a-z_.-]+|\d{3}", value) for labels in ours for name, value in labels.items() if name != "le")
        assert not any("zqcanary" in value for labels in ours for value in labels.values())


@given(st.lists(st.floats(0, 100, allow_nan=False), max_size=30))
def test_a_spread_counts_what_took_no_longer_than_each_bound(seconds: list[float]) -> None:
    """For every bound, the cumulative bucket is the number of durations that are at most as long; count and sum are theirs."""
    timings = Timings(metrics.REQUEST_BOUNDS)
    for each in seconds:
        timings.note(("demo", "things.get", "200"), each)
    found = Page(page_of([Sample(metrics.REQUESTS, timings)]).decode())
    labels = {"service": "demo", "operation": "things.get", "status": "200"}
    for bound in metrics.REQUEST_BOUNDS:
        expected = bisect.bisect_right(sorted(seconds), bound)
        assert found.value("mitra_http_request_seconds_bucket", **labels, le=str(bound)) == expected
    assert found.value("mitra_http_request_seconds_count", **labels) == len(seconds)
    assert found.value("mitra_http_request_seconds_sum", **labels) == pytest.approx(sum(seconds))


def on_the_page(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.kind == "counter" else metric.name


def test_the_document_names_every_metric_with_its_labels_and_what_to_do() -> None:
    rows = re.findall(r"^\| `(mitra_\w+)` \| ([a-z, ]+) \| .+ \| .+ \|$", (ROOT / "docs" / "operate.md").read_text(), re.MULTILINE)
    assert rows == [(on_the_page(metric), ", ".join(metric.labels)) for metric in METRICS]


def test_every_unit_is_in_the_name_and_every_label_bounded() -> None:
    for metric in METRICS:
        assert re.fullmatch(r"mitra(_[a-z]+)+", metric.name)
        assert set(metric.labels) <= LABELS
        assert metric.kind != "histogram" or metric.name.endswith("_seconds")


def test_prometheus_is_told_of_every_process_of_the_compose_file() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())
    jobs: Mapping[str, dict[str, object]] = {job["job_name"]: job for job in config["scrape_configs"]}

    def targets(job: str) -> Iterable[str]:
        return [target for group in jobs[job]["static_configs"] for target in group["targets"]]  # type: ignore[attr-defined]

    services = discover()
    assert targets("mitra-door") == [f"gateway:{get_manifest('gateway').port}"]
    assert targets("mitra-serve") == [f"{each.name}:{each.port}" for each in services if each.name != "gateway"]
    assert targets("mitra-work") == [f"{each.name}-worker:{each.port}" for each in services]
    assert jobs["mitra-door"]["authorization"] == {"credentials_file": "/etc/prometheus/mitra-operator.key"}
