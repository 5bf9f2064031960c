"""``placement console``: a link to the web pages of the service."""

import html
import pathlib
import urllib.parse
import webbrowser

import click

from placement.client import location
from placement.cmd import atomic
from placement.cmd.connection import Connection, pass_connection
from placement.cmd.failures import NotPossibleNow
from placement.middleware import console_session

_PAGE = "open.html"

# The URL has a code, which other users could read in the arguments of the browser.
_REDIRECT = """<!DOCTYPE html>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={url}">
<title>Placement console</title>
<p><a href="{url}">Open the console</a>
"""


@click.command()
@click.option("--open", "is_opened", is_flag=True, help="Open it in a browser.")
@pass_connection
def console(connection: Connection, *, is_opened: bool) -> None:
    """Print a link to the console, the web pages of the service.

    For the server on this machine the link contains a code, which works once, within 5
    minutes, in a browser on this machine. Otherwise the console asks for a token.
    """
    endpoint = _endpoint(connection)
    directory = _link_directory(endpoint)
    url = f"{endpoint.rstrip('/')}/console/"
    if directory is not None:
        try:
            url += f"#link={console_session.write_link(directory)}"
            if is_opened:
                page = directory / _PAGE
                text = _REDIRECT.format(url=html.escape(url))
                atomic.write(page, text, 0o600)
        except OSError as failure:
            raise NotPossibleNow(f"A link cannot be created: {failure}") from failure
    click.echo(url)
    if directory is not None:
        click.echo("Use this link once, within 5 minutes, on this machine.", err=True)
    if is_opened:
        opened = url if directory is None else (directory / _PAGE).as_uri()
        if not webbrowser.open(opened):
            raise NotPossibleNow("No browser was found. Open the link yourself.")


def _endpoint(connection: Connection) -> str:
    """Return the URL of the service. Raises ServerNotLocated, and UsageError."""
    if connection.wait_seconds:
        connection.client()
    # The token is not used.
    found = location.locate(connection.endpoint, connection.token or "none")
    try:
        parts = urllib.parse.urlsplit(found.endpoint)
    except ValueError as failure:
        raise click.UsageError(str(failure)) from failure
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise click.UsageError(f"'{found.endpoint}' is not an http or https URL.")
    return found.endpoint


def _link_directory(endpoint: str) -> pathlib.Path | None:
    """Return where the server on this machine accepts links; None if it does not."""
    host = urllib.parse.urlsplit(endpoint).netloc
    if not console_session.is_loopback_host(host):
        return None
    return location.find_link_directory(endpoint)
