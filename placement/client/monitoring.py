"""Health and metrics of the service."""

import http
from collections.abc import Sequence

from placement.client import errors, values
from placement.client.exchange import JSON, Exchange, with_query

# Error documents are in JSON.
_TEXT = f"text/plain, {JSON};q=0.1"

_OK, _UNAVAILABLE = http.HTTPStatus.OK, http.HTTPStatus.SERVICE_UNAVAILABLE


class MonitoringOperations(Exchange):
    """The operations that show the health and the metrics of the service."""

    def get_health(self, exclude: Sequence[str] = ()) -> values.Health:
        """Return the checks of ``/readyz``, even if the service is not ready.

        Needs no token, and is never repeated. The checks ``exclude`` are ignored.
        OpenStack Placement does not have this operation.

        Raises BadRequest for an unknown check; Unavailable if a proxy answers in place
        of the service.
        Source: API reference, "Health and metrics".
        """
        excluded = (("exclude", name) for name in values.several("exclude", exclude))
        path = with_query("/readyz", [("verbose", "true"), *excluded])
        response = self._answer("GET", path, accept=_TEXT)
        if response.status in (_OK, _UNAVAILABLE):
            try:
                return values.Health.from_text(response.body.decode())
            except ValueError:
                pass
        raise errors.from_response(response.status, response.headers, response.body)

    def is_alive(self) -> bool:
        """Return whether a process of the service answers, by ``/livez``.

        Needs no token, and is never repeated. A service that is alive may not be ready,
        see ``get_health``.
        """
        try:
            return self._answer("GET", "/livez", accept=_TEXT).status == _OK
        except (errors.Unreachable, errors.TimedOut):
            return False

    def get_reasons_to_drain(self) -> list[str]:
        """Return why a load balancer should send no requests here, by ``/healthcheck``.

        Empty if it may. Needs no token, and is never repeated.

        Raises Unavailable if a proxy answers in place of the service.
        """
        response = self._answer("GET", "/healthcheck")
        if response.status in (_OK, _UNAVAILABLE):
            try:
                reasons = list(map(str, response.json()["reasons"]))
            except (errors.UnexpectedAnswer, KeyError, TypeError):
                pass
            else:
                return [] if response.status == _OK else reasons
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
