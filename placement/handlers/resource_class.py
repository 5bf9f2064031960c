"""Handlers for /resource_classes."""

import sqlalchemy as sa

from placement import exception, excerpt
from placement.api import reply
from placement.api.microversion import Version
from placement.api.operation import NO_CONTENT, Answer, operation, shows
from placement.api.reply import Reply
from placement.api.request import Request
from placement.db import transaction
from placement.objects import resource_class
from placement.policies import resource_class as policy
from placement.schemas import resource_class as schema
from placement.schemas import responses


@operation(
    "GET /resource_classes",
    shows(responses.RESOURCE_CLASSES),
    rule=policy.LIST,
    checks="VAP",
    since=(1, 2),
)
def list_resource_classes(req: Request) -> Reply:
    """List all resource classes, standard ones first. Since 1.2."""
    found = transaction.read(req.context, resource_class.get_all)
    body = {"resource_classes": [_body(req, each.name) for each in found]}
    return reply.ok(body, reply.newest(each.modified for each in found))


@operation(
    "POST /resource_classes",
    Answer(201, has_location=True),
    rule=policy.CREATE,
    checks="VCP",
    refuses=(400, 409),
    since=(1, 2),
    body=schema.CREATE,
)
def create_resource_class(req: Request) -> Reply:
    """Create a custom resource class. Since 1.2.

    Errors, the first that applies: 400 if the body does not match the schema, 409 if
    the class exists.
    """
    name = req.json()["name"]
    if not transaction.write(
        req.context, lambda conn: resource_class.ensure(conn, name)
    ):
        raise exception.Conflict(
            reason=f"Conflicting resource class already exists: {excerpt.of_text(name)}"
        )
    return reply.created(f"/resource_classes/{name}")


@operation(
    "GET /resource_classes/{name}",
    shows(responses.RESOURCE_CLASS),
    rule=policy.SHOW,
    checks="VAP",
    refuses=(404,),
    since=(1, 2),
)
def get_resource_class(req: Request, name: str) -> Reply:
    """Show a resource class. Since 1.2.

    Errors: 404 if it does not exist.
    """
    found = transaction.read(
        req.context, lambda conn: resource_class.get_by_name(conn, name)
    )
    return reply.ok(_body(req, found.name), reply.newest([found.modified]))


@operation(
    "PUT /resource_classes/{name}",
    Answer(200, responses.RESOURCE_CLASS, until=Version(1, 6)),
    Answer(201, since=Version(1, 7), has_location=True),
    Answer(204, since=Version(1, 7), has_location=True),
    rule=policy.UPDATE,
    checks="VCP",
    refuses=(400, 404, 409),
    since=(1, 2),
    body=schema.CREATE,
    body_until=(1, 6),
)
def put_resource_class(req: Request, name: str) -> Reply:
    """Create a resource class if it is missing; before 1.7, rename one. Since 1.2.

    Errors: 400 for a name that a custom class cannot have. Before 1.7, the first that
    applies: 400 if the body does not match the schema, 404 if the class does not exist,
    400 for a standard class, 409 if the new name is taken.
    """
    if not req.version.matches((1, 7)):
        return _rename(req, name)
    schema.CREATE.validate_body({"name": name}, req.version)
    is_new = transaction.write(
        req.context, lambda conn: resource_class.ensure(conn, name)
    )
    location = f"/resource_classes/{name}"
    if is_new:
        return reply.created(location)
    return reply.no_content(location=location)


def _rename(req: Request, name: str) -> Reply:
    new_name = req.json()["name"]

    def rename(conn: sa.Connection) -> None:
        resource_class.rename(conn, name, new_name)

    transaction.write(req.context, rename)
    return reply.ok(_body(req, new_name))


@operation(
    "DELETE /resource_classes/{name}",
    NO_CONTENT,
    rule=policy.DELETE,
    checks="VP",
    refuses=(400, 404, 409),
    since=(1, 2),
)
def delete_resource_class(req: Request, name: str) -> Reply:
    """Delete a custom resource class. Since 1.2.

    Errors, the first that applies: 404 if it does not exist, 400 for a standard class,
    409 if an inventory has it.
    """
    transaction.write(req.context, lambda conn: resource_class.delete(conn, name))
    return reply.no_content()


def _body(req: Request, name: str) -> dict[str, object]:
    href = f"{req.prefix}/resource_classes/{name}"
    return {"name": name, "links": [{"rel": "self", "href": href}]}
