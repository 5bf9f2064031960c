"""A file has either its old content or the new one, even after failures."""

import contextlib
import resource
import stat

import pytest

from placement.cmd import atomic


@contextlib.contextmanager
def full_disk():
    """Limit file sizes of this process to 0: writes fail as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_is_written_with_its_permissions(tmp_path):
    path = tmp_path / "token"

    atomic.write(path, "secret\n", 0o600)
    atomic.write(tmp_path / "endpoint", "url\n", 0o644)

    assert path.read_text() == "secret\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "endpoint").stat().st_mode) == 0o644


def test_a_full_disk_leaves_no_new_file(tmp_path):
    with full_disk(), pytest.raises(OSError, match="too large"):
        atomic.write(tmp_path / "token", "secret\n", 0o600)

    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_content(tmp_path):
    path = tmp_path / "token"
    atomic.write(path, "old\n", 0o600)

    with full_disk(), pytest.raises(OSError, match="too large"):
        atomic.write(path, "new\n", 0o600)

    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]
