"""``/metrics``: the metrics of the service, for Prometheus."""

import hmac
import re
import typing

import flask

from placement import exception, metrics
from placement.api import accept
from placement.api.environ import ACCEPT
from placement.api.operation import Answer
from placement.conf import secret
from placement.metrics import text
from placement.policies import extension as extension_policy
from placement.web import view

if typing.TYPE_CHECKING:
    from placement.conf.settings import Settings
    from placement.context import Service

blueprint = flask.Blueprint("metrics", __name__)

_TEXT = "text/plain"
_OPENMETRICS = "application/openmetrics-text"

# The formats that Prometheus asks for, preferred first.
_FORMATS = {
    f"{_TEXT};version=0.0.4": False,
    f"{_OPENMETRICS};version=1.0.0": True,
}

# Parameters of ``Accept`` that change nothing: the formats are in UTF-8, and names have
# no characters to escape. Prometheus 3 sends them.
_IRRELEVANT = re.compile(r"\s*;\s*(?:charset|escaping)\s*=[^;,]*", re.IGNORECASE)

# Values of [metrics] access.
_BY_RULE, _BY_TOKEN = "rule", "token"

# Key in ``Service.kept`` of the bearer token.
_TOKEN = "metrics.token"
_SCHEME = "bearer"

SERVICE_PATH = "/metrics"
PROVIDERS_PATH = "/metrics/providers"


def prepare(service: "Service") -> None:
    """Create the metrics, and read the bearer token if there is one.

    Raises ConfigurationError.
    """
    metrics.start()
    settings = service.settings.metrics
    if settings.access == _BY_TOKEN:
        service.kept[_TOKEN] = secret.read(
            settings.token_file,
            "[metrics] token_file",
            f"[metrics] access is {_BY_TOKEN}",
        )


def open_paths(settings: "Settings") -> frozenset[str]:
    """Return the paths that check access themselves."""
    if settings.metrics.access == _BY_RULE:
        return frozenset()
    return frozenset((SERVICE_PATH, PROVIDERS_PATH))


def authorize() -> None:
    """Check the access that the configuration demands.

    Raises PolicyNotAuthorized, PolicyScopeNotAuthorized and Unauthorized.
    """
    service = view.context().service
    if service.settings.metrics.access == _BY_RULE:
        view.authorize(extension_policy.READ)
    elif service.settings.metrics.access == _BY_TOKEN:
        header = flask.request.environ.get("HTTP_AUTHORIZATION", "")
        scheme, _, given = header.partition(" ")
        expected: str = service.kept[_TOKEN]
        is_right = hmac.compare_digest(
            given.strip().encode("latin-1"), expected.encode()
        )
        # Schemes are the same in capitals.
        if scheme.lower() != _SCHEME or not is_right:
            raise exception.Unauthorized()


@view.operation(
    blueprint,
    f"GET {SERVICE_PATH}",
    Answer(200, media_types=(_TEXT, _OPENMETRICS)),
    rule=extension_policy.READ,
    authorized=authorize,
)
def show_metrics() -> flask.Response:
    """Show the metrics of the service in Prometheus' text format, or in OpenMetrics.

    ``[metrics] access`` says whether the rule, a bearer token or nothing is checked.
    """
    wanted = _IRRELEVANT.sub("", flask.request.environ[ACCEPT])
    media_type = accept.best_offer(wanted, *_FORMATS) or next(iter(_FORMATS))
    body = text.render(is_openmetrics=_FORMATS[media_type])
    content_type = f"{media_type.replace(';', '; ')}; charset=utf-8"
    response = flask.Response(body, content_type=content_type)
    response.vary.add("Accept")
    return response
