"""Collections of garbage pass over nothing that lives until the end of a server."""

import gc
import typing

import pytest
from oslo_config import cfg

from placement import deploy, distribution, wsgi
from placement.conf import find, log


def test_what_is_loaded_is_excluded_from_collections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[typing.Any] = []

    def load(*_: typing.Any, **__: typing.Any) -> typing.Any:
        loaded.append([])
        return loaded

    monkeypatch.setattr(distribution, "require_sole", lambda: None)
    monkeypatch.setattr(find, "service_config", lambda *_: cfg.ConfigOpts())
    monkeypatch.setattr(log, "setup", lambda _: None)
    monkeypatch.setattr(deploy, "loadapp", load)

    wsgi.init_application()

    assert not any(each is loaded for each in gc.get_objects())
