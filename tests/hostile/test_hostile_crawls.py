"""Damaged crawl files at scale through the whole of mine-web: each costs itself, and what it cost is counted."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import pytest

from miners.web.record_reader import Damage, read_records
from pipelines.mine_web import main
from tests.hostile.crawls import FIRST, LAST, PLAIN, hostile_crawls, hostile_real_crawls, is_packed, write
from tests.hostile.whole_jobs import check_ledgers, rows_by_file


def mine(folder: Path, out: Path, workers: int) -> None:
    args = ["--input", str(folder / "*"), "--output", str(out), "--keep-rejects", "--quiet", "--workers", str(workers)]
    assert main(args) == 0


def check_skipped_bytes(name: str, data: bytes) -> int:
    """What a plain file's damage says to have skipped is what lies between the items; gives how many damages."""
    if not name.endswith(PLAIN) or is_packed(data) or not data.lstrip().startswith(b"WARC/"):
        return 0
    items = list(read_records(io.BytesIO(data)))
    places = [*(item.offset for item in items), len(data)]
    for item, (begin, end) in zip(items, pairwise(places), strict=True):
        assert not isinstance(item, Damage) or item.skipped == end - begin, name
    return sum(isinstance(item, Damage) for item in items)


@pytest.mark.parametrize("count", [30, pytest.param(900, marks=pytest.mark.slow)])
def test_damaged_crawls_cost_themselves_and_never_their_neighbours(count, tmp_path):
    files = write(hostile_crawls(count), tmp_path / "in")
    mine(tmp_path / "in", tmp_path / "out", 1 if count < 100 else 2)
    told = check_ledgers(tmp_path / "out", files)
    rows = rows_by_file(tmp_path / "out", "url")
    for name in files:
        seed = int(name.split("-")[0])
        for address in (FIRST, LAST):
            assert rows[name].count(address.format(seed)) == 2, f"{name} lost {address}"
    assert sum(check_skipped_bytes(*file) for file in files.items()) > count / 4
    of_every_kind = {"damaged_member", "bad_length", "bad_header", "truncated", "bad_body", "bad_http"}
    assert set(told["record"]) == of_every_kind or count < 100


@pytest.mark.slow
def test_damaged_real_crawls(shared_data, tmp_path):
    files = write(hostile_real_crawls(shared_data / "warc-samples", 300), tmp_path / "in")
    mine(tmp_path / "in", tmp_path / "out", 2)
    check_ledgers(tmp_path / "out", files)
    assert sum(check_skipped_bytes(*file) for file in files.items()) > 30


def test_the_corpus_is_the_same_every_time():
    assert list(hostile_crawls(5, begin=40)) == list(hostile_crawls(45))[40:]
