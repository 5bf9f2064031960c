"""All metrics as text, in the formats of Prometheus and OpenMetrics."""

import collections.abc
import importlib.metadata
import itertools

from prometheus_client import core, exposition
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.utils import floatToGoString

from placement import metrics
from placement.metrics import instrument

_Family = core.CounterMetricFamily | core.GaugeMetricFamily | core.HistogramMetricFamily
_Numbers = dict[tuple[str, ...], list[float]]


def render(is_openmetrics: bool) -> bytes:
    """Return the metrics of all processes."""
    registry = core.CollectorRegistry()
    registry.register(_Collector())
    if is_openmetrics:
        # prometheus-client has no annotations here.
        encoded: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
        return encoded
    return exposition.generate_latest(registry)


class _Collector:
    def collect(self) -> collections.abc.Iterator[_Family]:
        totals = instrument.totals()
        connections = totals[metrics.CONNECTIONS.name]
        (is_open,) = connections.pop((metrics.OPEN,))
        (used,) = connections[(metrics.USED,)]
        connections[(metrics.IDLE,)] = [max(0.0, is_open - used)]
        for each in metrics.INSTRUMENTS:
            yield _family(each, totals[each.name])
        version = importlib.metadata.version("standalone-placement")
        info = core.GaugeMetricFamily(
            metrics.BUILD_INFO, "The version of the service.", labels=["version"]
        )
        info.add_metric([version], 1)
        yield info


def _family(of: instrument.Instrument, numbers: _Numbers) -> _Family:
    if isinstance(of, instrument.Histogram):
        found = core.HistogramMetricFamily(of.name, of.text, labels=of.labels)
        for labels, (total, *counts) in sorted(numbers.items()):
            bounds = [*map(floatToGoString, of.bounds), "+Inf"]
            buckets = list(zip(bounds, itertools.accumulate(counts), strict=True))
            found.add_metric(labels, buckets, total)
        return found
    kind = core.GaugeMetricFamily if of.kind == "gauge" else core.CounterMetricFamily
    simple = kind(of.name, of.text, labels=of.labels)
    for labels, (number,) in sorted(numbers.items()):
        simple.add_metric(labels, number)
    return simple
