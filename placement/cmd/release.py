"""``placement release``: give back what a consumer holds."""

import uuid

import click

from placement.cmd.connection import Connection, pass_connection


@click.command()
@click.argument("consumer", type=click.UUID)
@pass_connection
def release(connection: Connection, consumer: uuid.UUID) -> None:
    """Give back everything that CONSUMER, a uuid, holds."""
    connection.client().delete_allocations(str(consumer))
    click.echo(f"Released {consumer}.")
