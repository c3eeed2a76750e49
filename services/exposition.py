"""The page of metrics as Prometheus reads it. This is the one module that knows the client library."""

from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from services.metrics import Metric, Sample, Timings

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


def page_of(samples: Iterable[Sample]) -> bytes:
    """The page that shows `samples`, and what the process uses of the machine."""
    registry = CollectorRegistry()
    registry.register(_Families(samples))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Families(Collector):
    def __init__(self, samples: Iterable[Sample]) -> None:
        self._families: dict[str, Family] = {}
        for sample in samples:
            self._add(sample)

    def collect(self) -> Iterable[Family]:
        """What the registry asks for."""
        return self._families.values()

    def _add(self, sample: Sample) -> None:
        family = self._families.get(sample.metric.name)
        if family is None:
            family = self._families[sample.metric.name] = _family_of(sample.metric)
        if isinstance(family, HistogramMetricFamily):
            assert isinstance(sample.value, Timings)
            for labels, spread in sample.value.spreads.items():
                family.add_metric(labels, buckets=_buckets(sample.value.bounds, spread.counts), sum_value=spread.seconds)
        else:
            assert not isinstance(sample.value, Timings)
            family.add_metric(sample.labels, sample.value)


def _family_of(metric: Metric) -> Family:
    if metric.kind == "counter":
        return CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    if metric.kind == "gauge":
        return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    return HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)


def _buckets(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    return list(zip([*map(str, bounds), "+Inf"], accumulate(counts), strict=True))
