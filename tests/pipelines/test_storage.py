import os
import threading

import pytest

from pipelines import storage
from pipelines.options import UsageError


def test_publish_gives_a_name_once(tmp_path):
    temporary, final = str(tmp_path / "a.tmp-1"), str(tmp_path / "a")
    (tmp_path / "a.tmp-1").write_bytes(b"one")
    storage.publish(temporary, final)
    assert (tmp_path / "a").read_bytes() == b"one" and not os.path.exists(temporary)


def test_publishing_the_same_bytes_twice_is_success(tmp_path):
    final = str(tmp_path / "a")
    for attempt in ("a.tmp-1", "a.tmp-2"):
        (tmp_path / attempt).write_bytes(b"one")
        storage.publish(str(tmp_path / attempt), final)
    storage.publish(str(tmp_path / "a.tmp-2"), final)  # the temporary file is gone: another attempt published it
    assert os.listdir(tmp_path) == ["a"]


def test_publishing_other_bytes_is_an_error_that_touches_nothing(tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "a.tmp-1").write_bytes(b"two")
    with pytest.raises(FileExistsError, match="other contents"):
        storage.publish(str(tmp_path / "a.tmp-1"), str(tmp_path / "a"))
    assert (tmp_path / "a").read_bytes() == b"one"


def test_a_write_that_breaks_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="disk"), storage.writing(str(tmp_path / "sub" / "a")) as file:
        file.write(b"half")
        raise OSError("disk full")
    assert os.listdir(tmp_path / "sub") == []


def test_expand_gives_each_real_file_once(tmp_path):
    (tmp_path / "a.warc").write_bytes(b"1")
    (tmp_path / "b[1].warc").write_bytes(b"22")
    (tmp_path / "link.warc").symlink_to(tmp_path / "a.warc")
    infos = storage.expand([str(tmp_path / "*.warc"), str(tmp_path / "a.warc"), str(tmp_path / "b[1].warc")])
    assert [(os.path.basename(info.path), info.size) for info in infos] == [("a.warc", 1), ("b[1].warc", 2)]


def test_a_pattern_that_matches_nothing_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no file matches"):
        storage.expand([str(tmp_path / "*.warc")])


def test_delete_takes_names_as_they_are_and_a_repeated_delete_is_no_error(tmp_path):
    (tmp_path / "a[1]").write_bytes(b"1")
    (tmp_path / "a1").write_bytes(b"1")
    for _ in range(2):
        storage.delete([str(tmp_path / "a[1]")])
    assert os.listdir(tmp_path) == ["a1"]


def test_all_of_it_on_a_file_system_that_refuses_to_overwrite(strict_storage):
    folder = strict_storage("out")
    storage.write_atomically(storage.join(folder, "data", "a"), b"one")
    storage.write_atomically(storage.join(folder, "data", "a"), b"one")
    with pytest.raises(FileExistsError):
        storage.write_atomically(storage.join(folder, "data", "a"), b"two")
    assert storage.read_bytes(storage.join(folder, "data", "a")) == b"one"
    infos = storage.list_files(storage.join(folder, "data"))
    assert [(info.path, info.size) for info in infos] == [(storage.join(folder, "data", "a"), 3)]
    assert [info.path for info in storage.expand([storage.join(folder, "data", "*")])] == [infos[0].path]
    storage.delete([folder])
    assert not storage.exists(infos[0].path)
    assert storage.list_files(storage.join(folder, "data")) == []


def test_files_that_are_not_here_are_asked_for_at_once(tmp_path):
    """Eight wait for each other, which one after the other would never do; the results come in order."""
    together = threading.Barrier(8)

    def work(number):
        together.wait(timeout=20)
        return number

    assert list(storage.each("strict://set", work, range(64))) == list(range(64))
    callers = set(storage.each(str(tmp_path), lambda _: threading.get_ident(), range(8)))
    assert callers == {threading.get_ident()}


def test_no_more_wait_than_are_asked_for_at_once():
    waiting = iter(range(1000))
    assert next(storage.each("strict://set", abs, waiting)) == 0
    assert next(waiting) < 100
    with pytest.raises(OSError, match="7"):
        list(storage.each("strict://set", refuse_seven, range(20)))


def refuse_seven(number):
    if number == 7:
        raise OSError("file 7 is gone")
