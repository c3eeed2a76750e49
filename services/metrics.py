"""The metrics of a process: which there are, how requests and jobs are timed, and the page that Prometheus reads.

Whatever is counted on somebody's way is counted in a dictionary; the library that makes the page is loaded by the first who asks for it.
No label is of a tenant, a person or a record: each takes its values from a list that this program has.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of ours; a counter's name gets `_total` on the page."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ("service",)


REQUESTS = Metric(
    "mitra_http_request_seconds",
    "histogram",
    "Requests that a service answered, and how long they took",
    ("service", "operation", "status"),
)
REFUSALS = Metric("mitra_door_refusals", "counter", "Requests that the gateway's door answered with a problem", ("code",))
CONNECTIONS = Metric("mitra_database_connections_in_use", "gauge", "Connections of the pool that are lent out")
OUTBOX_EVENTS = Metric("mitra_outbox_events", "gauge", "Events that are written and not yet on the bus (counted up to 100,000)")
OUTBOX_AGE = Metric("mitra_outbox_age_seconds", "gauge", "For how long the oldest event has waited for the bus")
PUBLISHED = Metric("mitra_relay_published_events", "counter", "Events that the relay brought to the bus")
IN_OFFICE = Metric("mitra_relay_in_office", "gauge", "1 where the relay of this process moves the outbox, 0 where it stands by")
HELD = Metric("mitra_relay_held_keys", "gauge", "Partition keys that the bus refused and that are held back for now")
LAG = Metric(
    "mitra_consumer_lag_events", "gauge", "Events on the bus that the consumer of this process has not applied", ("service", "topic")
)
BEHIND = Metric("mitra_projection_behind_seconds", "gauge", "For how long, at most, the oldest event has waited to be applied")
APPLIED = Metric("mitra_consumer_applied_events", "counter", "Events that were applied")
REPEATED = Metric("mitra_consumer_repeated_events", "counter", "Events that came again and were dropped")
DEAD = Metric("mitra_consumer_dead_letters", "counter", "Records that could not be decoded")
PARKED = Metric(
    "mitra_parked_subjects", "gauge", "Subjects that wait for a missing event (gap) or for a release (failed)", ("service", "reason")
)
PARKED_AGE = Metric("mitra_parked_age_seconds", "gauge", "For how long the first of them has waited", ("service", "reason"))
JOBS_DUE = Metric("mitra_jobs_due", "gauge", "Jobs whose time has come and that nobody has begun")
JOBS_LATE = Metric("mitra_jobs_late_seconds", "gauge", "For how long the first of them has been due")
JOBS = Metric("mitra_job_seconds", "histogram", "Jobs that were run, and how long they took", ("service", "kind", "outcome"))
STRANGERS = Metric("mitra_unknown_contacts", "gauge", "Contacts that records name and nothing was ever heard of, counted once a day")
UNREADABLE = Metric("mitra_unreadable", "gauge", "1 where database or bus did not answer this scrape, and what they know is missing here")

METRICS = (
    *(REQUESTS, REFUSALS, CONNECTIONS, OUTBOX_EVENTS, OUTBOX_AGE, PUBLISHED, IN_OFFICE, HELD, LAG, BEHIND, APPLIED, REPEATED, DEAD),
    *(PARKED, PARKED_AGE, JOBS_DUE, JOBS_LATE, JOBS, STRANGERS, UNREADABLE),
)

REQUEST_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
JOB_BOUNDS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0)

Labels = tuple[str, ...]


@dataclass(slots=True)
class Spread:
    """How many took how long: a count for each bound and one beyond the last, and the seconds in all."""

    counts: list[int]
    seconds: float = 0.0


@dataclass(slots=True)
class Timings:
    """How long things took, by their labels. To note one costs a microsecond."""

    bounds: Sequence[float]
    spreads: dict[Labels, Spread] = field(default_factory=dict)

    def note(self, labels: Labels, seconds: float) -> None:
        """One that took `seconds`."""
        spread = self.spreads.get(labels)
        if spread is None:
            spread = self.spreads[labels] = Spread([0] * (len(self.bounds) + 1))
        spread.counts[bisect_left(self.bounds, seconds)] += 1
        spread.seconds += seconds


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric, or, of a histogram, all that was timed."""

    metric: Metric
    value: float | Timings
    labels: Labels = ()


def page_of(samples: Iterable[Sample]) -> bytes:
    """The page that shows `samples`, and what the process uses of the machine, in the text format of Prometheus."""
    from services import exposition  # the library costs a megabyte, for nothing where nobody asks

    return exposition.page_of(samples)
