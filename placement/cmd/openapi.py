"""``placement openapi``: print the OpenAPI document, without a server."""

import click


@click.command()
@click.option(
    "--version",
    "given",
    default="latest",
    show_default=True,
    metavar="1.N",
    help="Microversion to describe.",
)
def openapi(given: str) -> None:
    """Print the API as an OpenAPI 3.1 document."""
    from placement import exception  # noqa: PLC0415 - slow
    from placement.api import microversion  # noqa: PLC0415 - slow
    from placement.api import openapi as generator  # noqa: PLC0415 - slow

    try:
        version = microversion.parse(given)
    except exception.PlacementError as unknown:
        raise click.BadParameter(str(unknown), param_hint="--version") from unknown
    click.echo(generator.render(version), nl=False)
