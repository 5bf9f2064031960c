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
@click.option(
    "--extensions",
    "is_of_extensions",
    is_flag=True,
    help="Describe the extensions, which have no versions, in place of the API.",
)
def openapi(given: str, is_of_extensions: bool) -> None:
    """Print the API as an OpenAPI 3.1 document."""
    if is_of_extensions:
        _print_extensions()
        return
    from placement import exception  # noqa: PLC0415 - slow
    from placement.api import microversion  # noqa: PLC0415 - slow
    from placement.api import openapi as generator  # noqa: PLC0415 - slow

    try:
        version = microversion.parse(given)
    except exception.PlacementError as unknown:
        raise click.BadParameter(str(unknown), param_hint="--version") from unknown
    click.echo(generator.render(version), nl=False)


def _print_extensions() -> None:
    from placement.api import dispatch  # noqa: PLC0415 - slow
    from placement.web import app  # noqa: PLC0415 - slow
    from placement.web import openapi as web  # noqa: PLC0415 - slow

    rows = app.Application(dispatch.application({})).operations()
    click.echo(web.render_extensions(rows), nl=False)
