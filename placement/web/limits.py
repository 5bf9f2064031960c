"""``/-/v1/limits``: how much projects may hold, and how much they hold."""

import dataclasses
import typing

import flask
import sqlalchemy as sa

from placement import exception, excerpt, extension_exception
from placement.api.operation import NO_CONTENT, Answer
from placement.db import transaction
from placement.objects import limit
from placement.policies import extension as extension_policy
from placement.schemas import checks, common
from placement.schemas import limit as schema
from placement.web import page_token, view

blueprint = flask.Blueprint("limits", __name__)

_PROJECT_LENGTH_MAX: int = common.EXTERNAL_ID["maxLength"]

# No query but the list itself.
_QUERY: list[typing.Any] = ["limits"]


@view.operation(
    blueprint,
    "GET /-/v1/limits",
    Answer(200, schema.LIST),
    rule=extension_policy.READ,
    query=schema.LIST_QUERY,
    parameters=page_token.parameters("Projects"),
)
def list_limits() -> flask.Response:
    """List the projects with limits of their own, and `default`, in order of their ids.

    Beside the limits is what the projects hold of the limited classes.

    Raises QueryInvalid, and PageTokenInvalid.
    """
    query = view.query()
    size = int(query.last("page_size") or schema.PAGE_SIZE)
    token = query.last("page_token")
    after = None if token is None else _project_after(token)
    page, has_more = transaction.read(
        view.context(), lambda conn: limit.get_page(conn, after, size)
    )
    return view.json(
        {
            "limits": [each._asdict() for each in page],
            "next_page_token": (
                page_token.encode(_QUERY, page[-1].project_id) if has_more else None
            ),
        }
    )


@view.operation(
    blueprint,
    "GET /-/v1/limits/<path:project>",
    Answer(200, schema.ONE),
    rule=extension_policy.READ,
    refuses=(404,),
)
def show_limits(project: str) -> flask.Response:
    """Show the limits of a project and its usage; or those of `default`.

    Raises LimitsNotFound if no limit applies to the project.
    """
    if not _is_project(project):
        raise extension_exception.LimitsNotFound(project_id=project)
    found = transaction.read(view.context(), lambda conn: limit.get(conn, project))
    return view.json(dataclasses.asdict(found))


@view.operation(
    blueprint,
    "PUT /-/v1/limits/<path:project>",
    Answer(200, schema.ONE),
    rule=extension_policy.MANAGE,
    refuses=(400,),
    body=schema.BODY,
)
def replace_limits(project: str) -> flask.Response:
    """Replace all limits of a project, or those of `default`.

    Answers as `GET` does. Raises SchemaInvalid, and BadRequest for an unknown resource
    class, too many limits, or an id of a project that is too long.
    """
    body = view.json_body()
    if not _is_project(project):
        raise exception.BadRequest(
            reason=f"The project in the path must have 1 to {_PROJECT_LENGTH_MAX} "
            f"characters that a database can store. Got: {excerpt.of_text(project)}"
        )
    if len(body) > schema.LIMITS_MAX:
        raise exception.BadRequest(
            reason=f"The body may have at most {schema.LIMITS_MAX} limits. "
            f"Got: {len(body)}"
        )
    # The schema accepts 2.0 as an integer.
    limits = {name: int(units) for name, units in body.items()}

    def write(conn: sa.Connection) -> limit.ProjectLimits:
        limit.replace(conn, project, limits)
        try:
            return limit.get(conn, project)
        except extension_exception.LimitsNotFound:
            return limit.ProjectLimits(project, {}, {}, {})

    try:
        replaced = transaction.write(view.context(), write)
    except exception.ResourceClassNotFound as unknown:
        raise exception.BadRequest(
            reason=f"The body has an unknown resource class: {unknown} Its members are "
            "resource classes and 'consumers'."
        ) from unknown
    return view.json(dataclasses.asdict(replaced))


@view.operation(
    blueprint,
    "DELETE /-/v1/limits/<path:project>",
    NO_CONTENT,
    rule=extension_policy.MANAGE,
    refuses=(404,),
)
def delete_limits(project: str) -> flask.Response:
    """Delete the limits of a project's own, or those of `default`.

    Raises OwnLimitsNotFound if there are none.
    """
    if not _is_project(project):
        raise extension_exception.OwnLimitsNotFound(project_id=project)
    transaction.write(view.context(), lambda conn: limit.delete(conn, project))
    return view.no_content()


def _is_project(project: str) -> bool:
    """Return whether a project can have this id."""
    # Flask replaces what is not UTF-8.
    is_text = not checks.NOT_TEXT.search(project) and "\ufffd" not in project
    return is_text and len(project) <= _PROJECT_LENGTH_MAX


def _project_after(token: str) -> str:
    """Return the project after which the page starts. Raises PageTokenInvalid."""
    project = page_token.decode_name(_QUERY, token)
    if not _is_project(project):
        raise extension_exception.PageTokenInvalid()
    return project
