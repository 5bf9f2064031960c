"""How a failure of the client ends a command."""

import contextlib
import json
import typing
from collections.abc import Iterator

import click

from placement.client import errors

NOT_NOW = 1
WRONG_USE = 2

# What the user asked for could not be served at any time.
_WRONG = (errors.BadRequest, errors.ConstraintViolation, errors.InventoryInvalid)


class NotPossibleNow(click.ClickException):
    """The command is right, but what it asks for cannot be done at this time."""

    exit_code = NOT_NOW


class WrongUse(click.ClickException):
    """The command asks for something that can never be done."""

    exit_code = WRONG_USE


class JSONFailure(click.ClickException):
    """A failure as programs read it: an error document on standard error."""

    def __init__(self, failure: click.ClickException) -> None:
        super().__init__(failure.format_message())
        self.exit_code = failure.exit_code  # type: ignore[misc]  # differs by failure
        self._cause = failure.__cause__

    def show(self, file: typing.IO[typing.Any] | None = None) -> None:
        error: dict[str, object] = {
            "status": None,
            "code": errors.UNDEFINED_CODE,
            "detail": self.message,
            "request_id": None,
        }
        if isinstance(self._cause, errors.ClientError):
            error["status"] = self._cause.status
            error["code"] = self._cause.code
            error["request_id"] = self._cause.request_id
        click.echo(json.dumps({"errors": [error]}), file=file, err=file is None)


@contextlib.contextmanager
def as_exit_status(is_json: bool) -> Iterator[None]:
    """Turn failures that a user can act on into a sentence and an exit status.

    With ``is_json`` the sentence is in an error document.
    """
    try:
        with _as_click_exceptions():
            yield
    except click.ClickException as failure:
        if is_json:
            raise JSONFailure(failure) from failure
        raise


@contextlib.contextmanager
def _as_click_exceptions() -> Iterator[None]:
    try:
        yield
    except _WRONG as failure:
        raise WrongUse(_sentence(failure)) from failure
    except errors.ClientError as failure:
        raise NotPossibleNow(_sentence(failure)) from failure
    except BrokenPipeError:
        # Who reads the output has heard enough: click ends quietly.
        raise
    except OSError as failure:
        raise NotPossibleNow(_sentence(failure)) from failure


def _sentence(failure: Exception) -> str:
    text = str(failure).strip()
    if isinstance(failure, OSError) and failure.filename and failure.strerror:
        text = f"{failure.filename}: {failure.strerror}"
    return text if text.endswith((".", "?", "!")) else f"{text}."
