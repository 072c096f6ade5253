"""A file is written whole or not at all."""

import errno
import os
import stat
from pathlib import Path

import pytest

from aqwal.annotations.atomic import write_bytes, write_text


def test_text_is_utf8_with_line_ends_as_given(tmp_path: Path) -> None:
    write_text(tmp_path / "خبر.txt", "قال\r\nنعم\nلا\r")
    assert (tmp_path / "خبر.txt").read_bytes() == "قال\r\nنعم\nلا\r".encode()


def test_old_content_is_replaced_and_nothing_else_left(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(b"a much longer old content")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_folders_are_made(tmp_path: Path) -> None:
    write_bytes(tmp_path / "one" / "two" / "file.json", b"new")
    assert (tmp_path / "one" / "two" / "file.json").read_bytes() == b"new"


def test_of_a_link_the_file_behind_it_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("folder/file")
    for content in (b"old", b"new"):
        write_bytes(tmp_path / "link", content)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "folder/file").read_bytes() == content


def test_a_pipe_or_device_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to(os.devnull)
    for name in ("pipe", "null"):
        with pytest.raises(OSError, match="Is no regular file"):
            write_bytes(tmp_path / name, b"new")
    assert (tmp_path / "pipe").is_fifo()
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_old_content_survives_a_failure_in_between(
    step: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    path = tmp_path / "file.json"
    path.write_bytes(b"old")
    monkeypatch.setattr(step, fail)
    with pytest.raises(type(error)):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_an_error_of_the_system_names_the_file(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(step, fail)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_bytes(tmp_path / "file.json", b"new")
    assert caught.value.filename == str(tmp_path / "file.json")


def test_the_new_content_is_on_disk_before_the_old_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, synced = tmp_path / "file.json", []
    path.write_bytes(b"old")

    def sync(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_size, path.read_bytes()))

    monkeypatch.setattr("os.fsync", sync)
    write_bytes(path, b"new content")
    assert synced == [(11, b"old")]


def test_text_that_utf8_cannot_hold_leaves_the_old(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud83d")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_file_is_as_readable_as_any_other_new_one(umask: int, expected: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write_bytes(tmp_path / "file.json", b"new")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file.json").stat().st_mode) == expected
