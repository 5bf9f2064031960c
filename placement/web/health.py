"""Health for orchestrators and load balancers; the answers reveal no internals."""

import os

import flask

from placement import exception, excerpt
from placement.api import accept
from placement.api.environ import ACCEPT
from placement.api.operation import Answer, Parameter
from placement.api.reply import JSON
from placement.db import readiness
from placement.schemas import extension as schema
from placement.schemas import extension_responses as responses
from placement.web import shutdown, view

blueprint = flask.Blueprint("health", __name__)

_TEXT = "text/plain"
_OK = Answer(200, media_types=(_TEXT,))
_FAILED = Answer(503, media_types=(_TEXT,))

_DRAINING = "draining"
_CHECKS = (*readiness.CHECKS, _DRAINING)

_VERBOSE = {"verbose": Parameter("Show one line for each check.")}
_EXCLUDE = {
    "exclude": Parameter(
        f"Ignore a check; one of {', '.join(_CHECKS)}.", is_repeatable=True
    )
}

# Key in ``Service.kept`` of the checks of the database.
_READINESS = "health.readiness"


@view.operation(
    blueprint,
    "GET /livez",
    _OK,
    rule=None,
    is_open=True,
    has_head=True,
    query=schema.LIVENESS_QUERY,
    parameters=_VERBOSE,
)
def show_liveness() -> flask.Response:
    """Show that the process serves requests; nothing else is checked."""
    return _liveness()


@view.operation(
    blueprint,
    "GET /healthz",
    _OK,
    rule=None,
    is_open=True,
    has_head=True,
    query=schema.LIVENESS_QUERY,
    parameters=_VERBOSE,
)
def show_health() -> flask.Response:
    """Show what ``/livez`` shows, under its older name."""
    return _liveness()


@view.operation(
    blueprint,
    "GET /readyz",
    _OK,
    _FAILED,
    rule=None,
    is_open=True,
    has_head=True,
    query=schema.READINESS_QUERY,
    parameters=_VERBOSE | _EXCLUDE,
)
def show_readiness() -> flask.Response:
    """Show whether the service can serve requests now.

    The checks take at most a second. 503 if one of them fails.

    Raises BadRequest when an excluded check does not exist.
    """
    excluded = set(view.query().all("exclude"))
    for name in sorted(excluded.difference(_CHECKS)):
        raise exception.BadRequest(
            reason=f"The parameter 'exclude' takes one of {', '.join(_CHECKS)}. "
            f"Got: {excerpt.of_text(name)}"
        )
    findings = _findings()
    failed = {
        name: reason
        for name, reason in findings.items()
        if reason is not None and name not in excluded
    }
    if "verbose" in view.query():
        lines = [_line(name, findings[name], excluded) for name in _CHECKS]
    else:
        lines = [f"{name}: {reason}" for name, reason in failed.items()] or ["ok"]
    return _text("\n".join(lines), 503 if failed else 200)


@view.operation(
    blueprint,
    "GET /healthcheck",
    Answer(200, responses.HEALTHCHECK, media_types=(_TEXT,)),
    Answer(503, responses.HEALTHCHECK, media_types=(_TEXT,)),
    rule=None,
    is_open=True,
    has_head=True,
)
def show_healthcheck() -> flask.Response:
    """Show the checks of ``/readyz`` in the form of oslo.middleware.

    The file of ``disable_by_file_path`` makes a load balancer send no requests here.
    HEAD answers 204 instead of 200.
    """
    path = view.context().settings.healthcheck.disable_by_file_path
    if path and os.path.exists(path):
        reasons = ["DISABLED BY FILE"]
    else:
        reasons = [reason for reason in _findings().values() if reason is not None]
    status = 503 if reasons else 200
    if flask.request.method == "HEAD":
        return _text("", 503 if reasons else 204)
    reasons = list(dict.fromkeys(reasons)) or ["OK"]
    if accept.best_offer(flask.request.environ[ACCEPT], _TEXT, JSON) == JSON:
        body = {"detailed": False, "reasons": reasons}
        return _not_stored(view.json(body, status))
    return _text("\n".join(reasons), status)


def _liveness() -> flask.Response:
    return _text("[+]ping ok" if "verbose" in view.query() else "ok", 200)


def _findings() -> readiness.Findings:
    """Return for each check None, or why it failed."""
    service = view.context().service
    checks: readiness.Readiness | None = service.kept.get(_READINESS)
    if checks is None:
        checks = service.kept.setdefault(
            _READINESS, readiness.Readiness(service.engine, service.settings.database)
        )
    reason = "the server is stopping" if shutdown.draining.is_set() else None
    return {**checks.check(), _DRAINING: reason}


def _line(name: str, reason: str | None, excluded: set[str]) -> str:
    if name in excluded:
        return f"[+]{name} excluded: ok"
    return f"[+]{name} ok" if reason is None else f"[-]{name} failed: {reason}"


def _text(body: str, status: int) -> flask.Response:
    return _not_stored(flask.Response(body, status, mimetype=_TEXT))


def _not_stored(response: flask.Response) -> flask.Response:
    response.cache_control.no_store = True
    return response
