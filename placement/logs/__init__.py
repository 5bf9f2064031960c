"""How log lines are written: as JSON or text, without secrets.

``choose`` is called once the configuration is known. gunicorn has handlers of its own,
whose formatters are replaced later.
"""

import logging

from placement.logs.json_lines import JsonFormatter
from placement.logs.masking import MaskingFormatter

# The formatter of JSON lines, or None for text, once that is chosen.
_chosen: list[logging.Formatter | None] = []


def choose(is_json: bool) -> None:
    """Choose between JSON and the text that each handler writes."""
    _chosen[:] = [JsonFormatter() if is_json else None]


def is_chosen() -> bool:
    return bool(_chosen)


def format_handlers(logger: logging.Logger) -> None:
    """Let the handlers of ``logger`` write in the chosen form, without secrets."""
    json = _chosen[0] if _chosen else None
    for handler in logger.handlers:
        if json is not None:
            handler.setFormatter(json)
        elif not isinstance(handler.formatter, JsonFormatter | MaskingFormatter):
            handler.setFormatter(MaskingFormatter(handler.formatter))
