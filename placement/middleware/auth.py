"""Authentication: the caller of a request from its token.

The context of the request is put into the environ. The version document, and the paths
that the caller of ``wrap`` names, are open to requests without a token.
"""

import collections.abc
import hmac
import importlib
import logging
import typing

import orjson
import webob.exc

from placement import exception
from placement.api import errors
from placement.api.environ import CONTEXT
from placement.api.errors import Document
from placement.api.reply import JSON
from placement.caller import ANONYMOUS, Caller
from placement.conf import secret
from placement.context import RequestContext
from placement.middleware import console_session
from placement.middleware.request_id import add_to_log
from placement.schemas import common

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from oslo_config import cfg

    from placement.context import Service

LOG = logging.getLogger(__name__)

# The caller with the static token of the strategy ``token``.
_TOKEN_USER = "admin"
_TOKEN_ROLES = ("admin", "service")

# As in the body of a claim: the database has room for no more.
_ID_LENGTH_MAX: int = common.EXTERNAL_ID["maxLength"]

_TITLE = "401 Unauthorized"
_UNVERIFIED = (
    "This server could not verify that you are authorized to access the document you "
    "requested."
)
_CAUSE = "The header X-Auth-Token is missing or its value is not valid."

# The version document.
_OPEN_PATHS = frozenset(("", "/"))

# Our defaults for [keystone_authtoken]. Without a timeout, a Keystone that hangs blocks
# every thread. The access rules of application credentials need the type of the
# service. Old releases of the library accept any user's token as a service token.
_KEYSTONE_DEFAULTS = {
    "http_connect_timeout": 5,
    "service_type": "placement",
    "service_token_roles_required": True,
}

# Options of [keystone_authtoken] that need another library for memcached.
_MEMCACHE_SECURITY = ("memcache_tls_enabled", "memcache_sasl_enabled")

# Facts about the caller that only the log needs: common log formats have them.
_LOGGED_OF_KEYSTONE = (
    "user_name",
    "project_name",
    "user_domain_id",
    "project_domain_id",
)

_Identify = collections.abc.Callable[["WSGIEnvironment"], Caller | None]


def wrap(
    app: "WSGIApplication",
    service: "Service",
    config: "cfg.ConfigOpts",
    open_paths: collections.abc.Container[str] = frozenset(),
) -> "WSGIApplication":
    """Authenticate requests by the configured strategy, except for ``open_paths``."""
    match service.settings.api.auth_strategy:
        case "noauth2":
            return _identifying(app, service, _noauth2, _refuse, open_paths)
        case "token":
            token = secret.read(
                service.settings.api.token_file,
                "[api] token_file",
                "auth_strategy is token",
            )
            identify = _by_token(token, service.kept.get(console_session.KEY))
            return _identifying(app, service, identify, _refuse, open_paths)
        case _:
            return _keystone(app, service, config, open_paths)


def _identifying(
    app: "WSGIApplication",
    service: "Service",
    identify: _Identify,
    refuse: "WSGIApplication",
    open_paths: collections.abc.Container[str] = frozenset(),
) -> "WSGIApplication":

    def identified(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> typing.Any:
        caller = identify(environ)
        if caller is None:
            if not _is_open(environ, open_paths):
                return refuse(environ, start_response)
            caller = ANONYMOUS
        environ[CONTEXT] = RequestContext(service, caller)
        add_to_log(
            user_id=caller.user_id,
            project_id=caller.project_id,
            domain_id=caller.domain_id,
            system_scope=caller.system_scope,
            roles=list(caller.roles),
        )
        return app(environ, start_response)

    return identified


def _is_open(
    environ: "WSGIEnvironment", open_paths: collections.abc.Container[str]
) -> bool:
    path = environ.get("PATH_INFO", "")
    return path in _OPEN_PATHS or path in open_paths


def _refuse(environ: "WSGIEnvironment", start_response: "StartResponse") -> typing.Any:
    """Refuse in the media type that ``Accept`` prefers, like other errors.

    Source: API reference, "Errors".
    """
    wanted = errors.content_type(environ.get("HTTP_ACCEPT"))
    if wanted != JSON:
        page = errors.page(wanted, _TITLE, _UNVERIFIED, _CAUSE)
        return _unauthorized(page, start_response)
    document = {
        "message": f"{_UNVERIFIED} {_CAUSE}",
        "code": _TITLE,
        "title": "Unauthorized",
    }
    return _unauthorized(Document(JSON, orjson.dumps(document)), start_response)


def _unauthorized(document: Document, start_response: "StartResponse") -> list[bytes]:
    headers = [
        ("content-type", document.content_type),
        ("content-length", str(len(document.body))),
    ]
    start_response(_TITLE, headers)
    return [document.body]


def _noauth2(environ: "WSGIEnvironment") -> Caller | None:
    """Trust the headers of the request. For tests.

    The token is ``user`` or ``user:project``; other headers set roles and scopes.
    """
    token = environ.get("HTTP_X_AUTH_TOKEN")
    if token is None:
        return None
    user, _, project = token.partition(":")
    project = environ.get("HTTP_X_PROJECT_ID", project or user)
    given = environ.get("HTTP_X_ROLES", environ.get("HTTP_X_ROLE"))
    if given is None:
        given = "admin" if user == "admin" else ""
    system = environ.get("HTTP_OPENSTACK_SYSTEM_SCOPE")
    return Caller(
        user_id=user[:_ID_LENGTH_MAX],
        project_id=None if system else project[:_ID_LENGTH_MAX],
        roles=_roles(given),
        system_scope=system,
        domain_id=None if system else environ.get("HTTP_X_DOMAIN_ID"),
    )


def _roles(header: str) -> tuple[str, ...]:
    return tuple(role.strip().lower() for role in header.split(",") if role.strip())


def _by_token(token: str, sessions: console_session.Sessions | None) -> _Identify:
    """Accept ``token``, and tokens of ``sessions`` of browsers on this machine."""
    expected = token.encode()

    def identify(environ: "WSGIEnvironment") -> Caller | None:
        given = environ.get("HTTP_X_AUTH_TOKEN", "").encode("latin-1")
        if not hmac.compare_digest(given, expected) and not (
            sessions is not None and sessions.allow(environ)
        ):
            return None
        return Caller(_TOKEN_USER, _TOKEN_USER, _TOKEN_ROLES)

    return identify


def _keystone(
    app: "WSGIApplication",
    service: "Service",
    config: "cfg.ConfigOpts",
    open_paths: collections.abc.Container[str],
) -> "WSGIApplication":
    """Authenticate with keystonemiddleware, which is an extra.

    The middleware itself rejects requests without a valid token. With
    ``delay_auth_decision`` it would also mark a token as invalid when Keystone cannot
    be reached.
    """
    try:
        from keystoneauth1 import exceptions  # noqa: PLC0415 - an extra
        from keystonemiddleware import auth_token  # noqa: PLC0415 - an extra
    except ImportError as missing:
        raise exception.ConfigurationError(
            reason="auth_strategy is keystone, which needs keystonemiddleware: "
            "pip install 'standalone-placement[keystone]'"
        ) from missing
    for group, options in auth_token.list_opts():
        config.register_opts(options, group=group)
        for name, value in _KEYSTONE_DEFAULTS.items():
            config.set_default(name, value, group=group)
    _require_memcached_library(config)
    try:
        verified: WSGIApplication = auth_token.AuthProtocol(
            _identifying(app, service, _by_keystone, _refuse_for_keystone, open_paths),
            {"oslo_config_config": config, "delay_auth_decision": False},
        )
    except Exception as unusable:
        # It raises its own exceptions, and those of its libraries and of oslo.config.
        raise exception.ConfigurationError(
            reason=f"[keystone_authtoken] cannot be used: {unusable}"
        ) from unusable
    open_to_all = _identifying(app, service, _nobody, _refuse_for_keystone, open_paths)

    def guarded(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> typing.Any:
        if _is_open(environ, open_paths):
            return open_to_all(environ, start_response)
        try:
            return verified(environ, start_response)
        except exceptions.ClientException:
            # The middleware does not handle these, such as a catalog without Keystone.
            LOG.exception(
                "Keystone cannot verify a token; the request got 503. Check Keystone "
                "and [keystone_authtoken]."
            )
            unavailable = webob.exc.HTTPServiceUnavailable(
                "The Keystone service is temporarily unavailable."
            )
            return unavailable(environ, start_response)

    return guarded


def _require_memcached_library(config: "cfg.ConfigOpts") -> None:
    """Raise ConfigurationError if a library for memcached is missing.

    The middleware imports it only when it validates the first token.
    """
    options = config.keystone_authtoken
    if not options.memcached_servers:
        return
    needed = {"memcache": "python-memcached"}
    # Older releases do not have all of these options.
    if any(name in options and options[name] for name in _MEMCACHE_SECURITY):
        needed["bmemcached"] = "python-binary-memcached"
    for module, distribution in needed.items():
        try:
            importlib.import_module(module)
        except ImportError as missing:
            raise exception.ConfigurationError(
                reason="[keystone_authtoken] memcached_servers is set, which needs "
                f"{distribution}: pip install {distribution}"
            ) from missing


def _nobody(_environ: "WSGIEnvironment") -> None:
    """Ignore the headers of a request that nothing has verified."""


def _by_keystone(environ: "WSGIEnvironment") -> Caller | None:
    """Read the headers that the middleware sets for a valid token."""
    user = environ.get("HTTP_X_USER_ID")
    if environ.get("HTTP_X_IDENTITY_STATUS") != "Confirmed" or user is None:
        return None
    add_to_log(
        **{fact: environ.get(f"HTTP_X_{fact.upper()}") for fact in _LOGGED_OF_KEYSTONE}
    )
    return Caller(
        user_id=user,
        project_id=environ.get("HTTP_X_PROJECT_ID"),
        roles=_roles(environ.get("HTTP_X_ROLES", "")),
        system_scope=environ.get("HTTP_OPENSTACK_SYSTEM_SCOPE"),
        domain_id=environ.get("HTTP_X_DOMAIN_ID"),
    )


def _refuse_for_keystone(
    _environ: "WSGIEnvironment", start_response: "StartResponse"
) -> typing.Any:
    """Refuse; the middleware adds ``WWW-Authenticate``."""
    error = {
        "code": 401,
        "title": "Unauthorized",
        "message": "The request you have made requires authentication.",
    }
    body = orjson.dumps({"error": error})
    return _unauthorized(Document(JSON, body), start_response)
