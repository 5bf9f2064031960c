"""The OpenAPI 3.1 document of the API, generated from the rows of the operations.

A document describes one microversion, and the same version gives the same bytes.
"""

import collections.abc
import re
import typing

import orjson

from placement import policies
from placement.api import routes
from placement.api.microversion import MAX_VERSION, MIN_VERSION, Version
from placement.api.operation import Answer, Check, Operation, Parameter
from placement.schemas import responses
from placement.schemas.validation import Schemas

_Json = dict[str, typing.Any]

_JSON = "application/json"

_TITLES = {
    200: "OK",
    201: "Created",
    204: "Done; the response has no body.",
    304: "Not modified: the client has this response, as `If-None-Match` says.",
    400: "The request is invalid.",
    401: "The token is missing or invalid.",
    403: "The policy does not allow the caller this operation.",
    404: "The resource or the path does not exist.",
    405: "The path does not support this method at this version.",
    406: "The version is not supported, or the client does not accept JSON.",
    409: "The request conflicts with the stored state.",
    410: "What the request continues from is not stored any more.",
    413: "The body is larger than the service accepts.",
    415: "The body is not JSON.",
    422: "The request contradicts an earlier one of the same caller.",
    500: "The service failed.",
    503: "The database or the identity service is unavailable.",
}

# Statuses that every operation can answer with.
_ALWAYS = {400, 405, 406, 413, 500, 503}

PATH_PARAMETERS = {
    "uuid": ("The uuid of a resource provider; or its name, if the operation says so."),
    "root": "The uuid of a root provider.",
    "resource_class": "The name of a resource class.",
    "name": "The name of a resource class or trait.",
    "consumer_uuid": "The uuid of a consumer.",
    "project": "The id of a project, or `default`.",
}

_VERSION_HEADER = "OpenStack-API-Version"
_VERSION_PARAMETER = {"$ref": "#/components/parameters/Version"}

_GROUPS = (
    "The parameters of request groups. A name can end in the suffix of a group, such "
    "as `resources_NET` or `required1`."
)


def render(version: Version = MAX_VERSION, url: str = "/") -> bytes:
    """Return the document of one version as indented JSON; see ``document``."""
    return orjson.dumps(document(version, url), option=orjson.OPT_INDENT_2) + b"\n"


def document(version: Version = MAX_VERSION, url: str = "/") -> _Json:
    """Return the document of one version of the API, served at ``url``."""
    info = {
        "title": "Placement",
        "version": str(version),
        "description": "The inventories of resource providers, the allocations of "
        "consumers, and the search for providers that can serve a request. This is "
        f"microversion {version} of {MIN_VERSION} to {MAX_VERSION}.",
    }
    return _document(info, url, _paths(version), version)


def extensions_document(
    rows: collections.abc.Iterable[Operation], url: str = "/"
) -> _Json:
    """Return the document of the extensions ``rows``, served at ``url``.

    They have no versions.
    """
    info = {
        "title": "Placement extensions",
        "version": "1",
        "description": "Health, metrics, and operations for operators and schedulers, "
        "beside the versioned API. Microversions have no effect.",
    }
    paths = _paths_of(rows, MAX_VERSION)
    found = _document(info, url, paths, MAX_VERSION)
    components = found["components"]
    del components["parameters"], components["headers"][_VERSION_HEADER]
    conflict = components["responses"]["409"]["content"][_JSON]
    conflict["schema"] = _schema(responses.EXTENSION_CONFLICT, MAX_VERSION)
    for path in paths.values():
        for described in path.values():
            del described["x-placement-since"]
            described["parameters"].remove(_VERSION_PARAMETER)
            for response in described["responses"].values():
                for name in (_VERSION_HEADER, "Vary"):
                    response.get("headers", {}).pop(name, None)
    return found


def _document(info: _Json, url: str, paths: _Json, version: Version) -> _Json:
    return {
        "openapi": "3.1.0",
        "info": {
            **info,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}
            },
            "parameters": {"Version": _version_parameter(version)},
            "headers": _headers(version),
            "responses": {
                str(status): _failure(status, version)
                for status in _TITLES
                if status >= 400
            },
        },
    }


def operations(version: Version) -> list[Operation]:
    """Return the operations that exist at ``version``."""
    return [each for each in routes.OPERATIONS if version >= each.since]


def _paths(version: Version) -> _Json:
    return _paths_of(operations(version), version)


def _paths_of(rows: collections.abc.Iterable[Operation], version: Version) -> _Json:
    defaults = {rule.name: rule.check_str for rule in policies.list_rules()}
    paths: _Json = {}
    for operation in rows:
        path = paths.setdefault(operation.path, {})
        path[operation.method.lower()] = _operation(operation, version, defaults)
    return paths


def _operation(
    operation: Operation, version: Version, defaults: dict[str, str]
) -> _Json:
    text = operation.text.replace("``", "`")
    described: _Json = {
        "operationId": operation.handler.__name__,
        "tags": [_tag(operation.path)],
        "summary": " ".join(text.partition("\n\n")[0].split()),
        "description": text,
        "parameters": _parameters(operation, version),
        "responses": _responses(operation, version),
        "x-placement-since": str(operation.since),
    }
    if operation.body is not None and operation.reads_body_at(version):
        described["requestBody"] = {
            "required": True,
            "content": {_JSON: {"schema": _schema(operation.body, version)}},
        }
    if Check.POLICY not in operation.checks:
        described["security"] = []
    if operation.rule is not None:
        described["x-placement-policy"] = {
            "rule": operation.rule,
            "default": defaults[operation.rule],
        }
    return described


def _tag(path: str) -> str:
    """Return the noun of the path, which follows ``/-/v1/`` in the extensions."""
    return path.removeprefix("/-/v1").split("/")[1].partition(":")[0] or "root"


def _schema(schemas: Schemas, version: Version) -> _Json:
    schema = schemas.pick(version).schema
    # True and False are schemas too; none of ours is one.
    assert isinstance(schema, collections.abc.Mapping)
    return dict(schema)


def _parameters(operation: Operation, version: Version) -> list[_Json]:
    parameters: list[_Json] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATH_PARAMETERS[name],
            "schema": {"type": "string", "minLength": 1},
        }
        for name in re.findall(r"\{(\w+)\}", operation.path)
    ]
    parameters += [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": header.text,
            "schema": header.schema,
        }
        for name, header in operation.headers.items()
    ]
    if operation.query is not None:
        parameters += _query_parameters(operation, _schema(operation.query, version))
    return [*parameters, _VERSION_PARAMETER]


def _query_parameters(operation: Operation, schema: _Json) -> list[_Json]:
    parameters = [
        _query_parameter(
            name, operation.parameters[name], one, name in schema.get("required", ())
        )
        for name, one in schema["properties"].items()
    ]
    if "patternProperties" in schema:
        groups = {
            "type": "object",
            "patternProperties": schema["patternProperties"],
            "additionalProperties": False,
        }
        parameters.append(
            {
                "name": "groups",
                "in": "query",
                "style": "form",
                "explode": True,
                "description": _GROUPS,
                "schema": groups,
            }
        )
    return parameters


def _query_parameter(
    name: str, parameter: Parameter, schema: _Json, is_required: bool
) -> _Json:
    described = {
        "name": name,
        "in": "query",
        "required": is_required,
        "description": parameter.text,
        "schema": schema,
    }
    if parameter.example is not None:
        described["example"] = parameter.example
    return described


def _version_parameter(version: Version) -> _Json:
    return {
        "name": _VERSION_HEADER,
        "in": "header",
        # Without the header, a request has the first version.
        "required": version != MIN_VERSION,
        "description": "The microversion of the request.",
        "schema": {"type": "string", "enum": [f"placement {version}"]},
    }


def _responses(operation: Operation, version: Version) -> _Json:
    found = {
        str(answer.status): _success(answer, version)
        for answer in operation.answers_at(version)
    }
    for status in sorted(_ALWAYS | set(operation.refuses) | _refusals(operation)):
        # A success may have such a status: 503 is what a health check found.
        found.setdefault(str(status), {"$ref": f"#/components/responses/{status}"})
    return found


def _refusals(operation: Operation) -> set[int]:
    """Return the statuses of the checks and of an unknown resource in the path."""
    refusals = set()
    if Check.POLICY in operation.checks:
        refusals |= {401, 403}
    if Check.CONTENT_TYPE in operation.checks:
        refusals.add(415)
    if "{" in operation.path:
        refusals.add(404)
    return refusals


def _success(answer: Answer, version: Version) -> _Json:
    names = [_VERSION_HEADER, "Vary", "X-Openstack-Request-Id"]
    if answer.has_location:
        names.append("Location")
    if answer.has_cache_headers and version.matches((1, 15)):
        names += ["Last-Modified", "Cache-Control"]
    response: _Json = {
        "description": _TITLES[answer.status],
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
    }
    content: _Json = {
        media_type: {"schema": {"type": "string"}} for media_type in answer.media_types
    }
    if answer.body is not None:
        content[_JSON] = {"schema": _schema(answer.body, version)}
    if content:
        response["content"] = content
    return response


def _headers(version: Version) -> _Json:
    texts = {
        _VERSION_HEADER: "The microversion of the response.",
        "Vary": "The request headers that the response depends on.",
        "X-Openstack-Request-Id": "The id of the request, as in the log.",
        "Location": "The URL of the created resource.",
        "Last-Modified": "The time of the last change to the shown resources.",
        "Cache-Control": "Always no-cache.",
    }
    headers: _Json = {
        name: {"description": text, "required": True, "schema": {"type": "string"}}
        for name, text in texts.items()
    }
    headers[_VERSION_HEADER]["schema"]["enum"] = [f"placement {version}"]
    return headers


def _failure(status: int, version: Version) -> _Json:
    """Describe the error document in each media type that it can have."""
    schemas = {401: responses.UNAUTHORIZED, 406: responses.NOT_ACCEPTABLE}
    schema = _schema(schemas.get(status, responses.ERRORS), version)
    content: _Json = {_JSON: {"schema": schema}}
    content |= {
        media_type: {"schema": {"type": "string"}}
        for media_type in ("text/html", "text/plain")
    }
    return {
        "description": _TITLES[status],
        "headers": {
            "X-Openstack-Request-Id": {
                "$ref": "#/components/headers/X-Openstack-Request-Id"
            }
        },
        "content": content,
    }
