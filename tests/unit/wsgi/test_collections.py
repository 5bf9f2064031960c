"""Collections of garbage are rare, and pass over what lives until the end."""

import collections.abc
import gc
import typing

import pytest
from oslo_config import cfg

from placement import deploy, distribution, wsgi
from placement.conf import find, log


@pytest.fixture(autouse=True)
def _restored_threshold() -> collections.abc.Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)


def test_a_server_rarely_collects_and_never_what_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[typing.Any] = []
    gc.set_threshold(700)

    def load(*_: typing.Any, **__: typing.Any) -> typing.Any:
        loaded.append([])
        return loaded

    monkeypatch.setattr(distribution, "require_sole", lambda: None)
    monkeypatch.setattr(find, "service_config", lambda *_: cfg.ConfigOpts())
    monkeypatch.setattr(log, "setup", lambda _: None)
    monkeypatch.setattr(deploy, "loadapp", load)

    wsgi.init_application()

    assert not any(each is loaded for each in gc.get_objects())
    assert gc.get_threshold()[0] == 10_000
