"""``placement metrics``: what Prometheus reads."""

import click

from placement.cmd.connection import Connection, pass_connection


@click.command()
@click.option(
    "--providers",
    "is_of_providers",
    is_flag=True,
    help="Print those of the providers, in place of those of the service.",
)
@pass_connection
def metrics(connection: Connection, is_of_providers: bool) -> None:
    """Print the metrics of the service, in the text format of Prometheus."""
    client = connection.client()
    read = client.get_provider_metrics if is_of_providers else client.get_metrics
    click.echo(read(), nl=False)
