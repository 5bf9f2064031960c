"""How a failure of the client ends a command."""

import contextlib
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


@contextlib.contextmanager
def as_exit_status() -> Iterator[None]:
    """Turn failures that a user can act on into a sentence and an exit status."""
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
