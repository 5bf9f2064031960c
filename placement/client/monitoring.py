"""Health and metrics of the service."""

from collections.abc import Sequence

from placement.client import errors, values
from placement.client.exchange import JSON, Exchange, with_query

# Error documents are in JSON.
_TEXT = f"text/plain, {JSON};q=0.1"


class MonitoringOperations(Exchange):
    """The operations that show whether the service is well."""

    def get_health(self, exclude: Sequence[str] = ()) -> values.Health:
        """Return the checks of ``/readyz``, also if the service is not ready.

        Needs no token, and is never repeated. The checks ``exclude`` are ignored.
        OpenStack Placement does not have this operation.

        Raises BadRequest for an unknown check; Unavailable if a proxy answers in place
        of the service.
        Source: API reference, "Health and metrics".
        """
        excluded = (("exclude", name) for name in values.several("exclude", exclude))
        path = with_query("/readyz", [("verbose", "true"), *excluded])
        response = self._answer("GET", path, accept=_TEXT)
        if response.status in (200, 503):
            try:
                return values.Health.from_text(response.body.decode())
            except ValueError:
                pass
        raise errors.from_response(response.status, response.headers, response.body)

    def get_metrics(self) -> str:
        """Return the metrics of the service, in the text format of Prometheus.

        Raises Forbidden, and Unauthorized if the service takes a bearer token only.
        """
        return self._get_text("/metrics")

    def get_provider_metrics(self) -> str:
        """Return the gauges of all providers, in the text format of Prometheus.

        Raises what ``get_metrics`` raises.
        """
        return self._get_text("/metrics/providers")

    def _get_text(self, path: str) -> str:
        return self.request("GET", path, accept=_TEXT).body.decode()
