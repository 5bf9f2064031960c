"""Exit statuses and messages of failures."""

import contextlib
import json
import typing
from collections.abc import Iterator

import click

from placement.client import errors

EXIT_NOT_POSSIBLE_NOW = 1
EXIT_USAGE = 2

# Failures that repeating the command cannot resolve.
_INVALID = (errors.BadRequest, errors.ConstraintViolation, errors.InventoryInvalid)


class NotPossibleNow(click.ClickException):
    """The request is valid, but cannot be satisfied now."""

    exit_code = EXIT_NOT_POSSIBLE_NOW


class InvalidRequest(click.ClickException):
    """The request can never be satisfied."""

    exit_code = EXIT_USAGE


class JSONFailure(click.ClickException):
    """A failure that is printed as a JSON error document."""

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
    """Convert failures that a user can act on to a message and an exit status.

    With ``is_json`` the message is printed in an error document.
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
    except _INVALID as failure:
        raise InvalidRequest(_sentence(failure)) from failure
    except errors.ClientError as failure:
        raise NotPossibleNow(_sentence(failure)) from failure
    except BrokenPipeError:
        # The reader of the output has closed it; click exits without a message.
        raise
    except OSError as failure:
        raise NotPossibleNow(_sentence(failure)) from failure


def _sentence(failure: Exception) -> str:
    text = str(failure).strip()
    if isinstance(failure, OSError) and failure.filename and failure.strerror:
        text = f"{failure.filename}: {failure.strerror}"
    return text if text.endswith((".", "?", "!")) else f"{text}."
