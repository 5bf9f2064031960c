import pytest

from placement.client import Client, WSGITransport
from tests.unit import in_process


@pytest.fixture
def client(tmp_path):
    """A client of a service with an empty database."""
    return Client(WSGITransport(in_process.application(tmp_path)))
