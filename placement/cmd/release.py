"""``placement release``: delete the allocations of a consumer."""

import uuid

import click

from placement.cmd.connection import Connection, pass_connection


@click.command()
@click.argument("consumer", type=click.UUID)
@pass_connection
def release(connection: Connection, consumer: uuid.UUID) -> None:
    """Release all allocations of CONSUMER, a uuid."""
    connection.client().delete_allocations(str(consumer))
    click.echo(f"Released {consumer}.")
