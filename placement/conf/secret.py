"""Secrets in files that options name."""

from placement import exception


def read(path: str | None, option: str, wanted_by: str) -> str:
    """Return the token in the file that ``option`` names.

    Raises ConfigurationError when it is missing, or empty, which would match requests
    without a token.
    """
    if path is None:
        raise exception.ConfigurationError(reason=f"{wanted_by}, which needs {option}.")
    try:
        with open(path, encoding="ascii") as file:
            token = file.read().strip()
    except (OSError, UnicodeDecodeError) as unreadable:
        raise exception.ConfigurationError(
            reason=f"The token cannot be read from {option}: {unreadable}"
        ) from unreadable
    if not token:
        raise exception.ConfigurationError(
            reason=f"{option} {path} is empty; it must contain the token."
        )
    return token
