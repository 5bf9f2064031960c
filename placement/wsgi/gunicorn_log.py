"""gunicorn's own log, in the form of the service's log.

    gunicorn --logger-class placement.wsgi.gunicorn_log.Logger ...

With ``use_json`` and ``json_log_fields = placement``, the error log and the access log
have the fields of the service's lines, also those of the master process. Without this
class, the workers of ``placement.wsgi.worker`` do the same for their own lines.
"""

import os
import typing

from gunicorn import glogging

from placement import exception, logs
from placement.conf import find, log


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's logger, with the formatters of the service."""

    def setup(self, cfg: typing.Any) -> None:
        """Set up the handlers. They write text if the configuration cannot be read."""
        super().setup(cfg)
        if not logs.is_chosen():
            try:
                log.choose_form(find.service_config(os.environ))
            except exception.ConfigurationError:
                # The workers report it.
                return
        adopt(self)


def adopt(logger: typing.Any) -> None:
    """Let a gunicorn logger write with the formatters of the service."""
    for each in (logger.error_log, logger.access_log):
        logs.format_handlers(each)
