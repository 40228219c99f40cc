from __future__ import annotations

import random

import pytest

from pipelines import storage
from pipelines.http_files import Transfer, open_url, size_and_version

QUICK = Transfer(attempts=3, timeout=0.4, backoff=0.01)
DATA = random.Random(7).randbytes(3_000_000)


@pytest.fixture
def server(crawl_server):
    crawl_server.files["a"] = DATA
    return crawl_server


def read_all(url: str) -> bytes:
    with open_url(url, QUICK) as file:
        return file.read()


@pytest.mark.parametrize(
    "behaviour",
    [
        ["well"],
        ["no_ranges"],
        ["503", "503", "well"],
        ["503", "429", "well", "503", "well"],
        ["cut", "well", "cut", "well"],
        ["stall", "well"],
        ["hang", "well"],
        ["no_ranges", "no_cut", "no_ranges"],
        ["moved"],
        ["no_chunks"],
        ["no_ranges", "no_chunks_cut", "no_chunks"],
    ],
    ids=",".join,
)
def test_a_file_arrives_whole_from_a_server_that_recovers(server, behaviour):
    server.behave["a"] = behaviour
    assert read_all(f"{server.url}/a") == DATA


@pytest.mark.parametrize("behaviour", ["well", "no_ranges"])
def test_reading_at_any_place_gives_the_files_bytes(server, behaviour):
    server.behave["a"] = [behaviour]
    with open_url(f"{server.url}/a", QUICK) as file:
        assert file.seek(0, 2) == len(DATA)
        assert file.read(10) == b""
        for place in (2_999_990, 5, 1_500_000, 1_500_100, 0):
            file.seek(place)
            read = b""
            while len(read) < 100 and (piece := file.read(100 - len(read))):
                read += piece
            assert read == DATA[place : place + 100]


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        (["404"], "404"),
        (["503"], "503"),
        (["hang"], "timed out"),
        (["loop"], "redirects"),
    ],
    ids=str,
)
def test_a_file_that_cannot_be_had_is_an_error_that_says_why(server, behaviour, told):
    server.behave["a"] = behaviour
    with pytest.raises(OSError, match=told):
        open_url(f"{server.url}/a", QUICK)


def test_only_what_may_pass_is_tried_again(server):
    server.behave |= {"gone": ["404"], "busy": ["503"]}
    for name in ("gone", "busy"):
        with pytest.raises(OSError, match="answered"):
            open_url(f"{server.url}/{name}", QUICK)
    assert server.requests == {"gone": 1, "busy": QUICK.attempts}


def test_a_server_may_say_how_long_to_wait(server, monkeypatch):
    waits = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", waits.append)
    server.behave["a"] = ["429", "well"]
    assert read_all(f"{server.url}/a") == DATA
    assert waits == [1.0]


def test_a_server_that_stops_serving_ranges_is_an_error(server):
    server.behave["a"] = ["well", "no_ranges"]
    with open_url(f"{server.url}/a", QUICK) as file:
        file.seek(2_000_000)
        with pytest.raises(OSError, match="no longer served by range"):
            file.read(100)


def test_a_host_that_does_not_answer_is_an_error(server):
    url = server.url
    server.close()
    with pytest.raises(OSError, match="cannot be read"):
        open_url(f"{url}/a", QUICK)


@pytest.mark.parametrize("behaviour", [["cut"], ["no_ranges", "no_cut"], ["stall"]], ids=",".join)
def test_what_came_before_a_break_for_good_stays_readable(server, behaviour):
    server.files["a"] = DATA[:400_000]
    server.behave["a"] = behaviour
    with open_url(f"{server.url}/a", QUICK) as file:
        read = b""
        with pytest.raises(OSError, match="breaks off"):
            while piece := file.read(50_000):
                read += piece
        assert len(read) >= 200_000
        assert server.files["a"].startswith(read)
        asked = server.requests["a"]
        with pytest.raises(OSError, match="breaks off"):
            file.read(1)
        assert server.requests["a"] == asked, "given up for good"


def test_a_file_that_changes_while_it_is_read_is_an_error(server):
    with open_url(f"{server.url}/a", QUICK) as file:
        file.read(100)
        server.etags["a"] = '"2"'
        file.seek(2_000_000)
        with pytest.raises(OSError, match="written anew"):
            file.read(100)


@pytest.mark.parametrize("behaviour", ["well", "no_ranges"])
def test_an_empty_file_is_empty(server, behaviour):
    server.files["a"], server.behave["a"] = b"", [behaviour]
    assert read_all(f"{server.url}/a") == b""


def test_sizes_are_asked_many_at_once_and_what_is_not_said_is_unknown(server):
    server.behave |= {"b": ["no_ranges"], "c": ["500"]}
    server.files |= {"b": b"12", "c": b"3"}
    urls = [f"{server.url}/{name}" for name in "abcd"]
    found = [(3_000_000, '"1"'), (None, '"1"'), (None, ""), (None, "")]
    assert size_and_version(urls, QUICK) == found
    sizes = [info.size for info in storage.describe(urls, QUICK)]
    assert sizes == [3_000_000, 0, 0, 0]


def test_of_very_many_urls_nothing_is_asked(server):
    urls = [f"{server.url}/{i}" for i in range(storage.MOST_ASKED + 1)]
    assert {info.size for info in storage.describe(urls, QUICK)} == {0}
    assert not server.requests


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"timeout": 0.0}])
def test_impatience_without_end_is_refused(wrong):
    with pytest.raises(ValueError, match="1 attempt or more"):
        Transfer(**wrong)
