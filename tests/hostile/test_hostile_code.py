"""Damaged archives and source files at scale through the whole of mine-code: each costs itself and is counted."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from miners.code.language import LANGUAGES
from pipelines.mine_code import main
from tests.hostile.archives import FIRST, LAST, hostile_archives
from tests.hostile.crawls import write
from tests.hostile.records import ledgers
from tests.hostile.sources import SOUND, hostile_sources, sample_of
from tests.hostile.whole_jobs import check_ledgers, rows_by_file

KINDS = ("function", "class", "module")


def mine(pattern: str, out: Path, workers: int) -> None:
    args = ["--input", pattern, "--output", str(out), "--filters", "none", "--kinds", *KINDS, "--keep-rejects"]
    assert main([*args, "--quiet", "--workers", str(workers)]) == 0


@pytest.mark.parametrize("count", [30, pytest.param(500, marks=pytest.mark.slow)])
def test_damaged_archives_cost_themselves_and_never_their_neighbours(count, tmp_path):
    files = write(hostile_archives(count), tmp_path / "in")
    mine(str(tmp_path / "in" / "*"), tmp_path / "out", 1 if count < 100 else 2)
    failed = check_ledgers(tmp_path / "out", files)["file"]
    assert failed["parser_crash"] == 0
    assert failed["damaged_repository"] > count / 8
    rows = rows_by_file(tmp_path / "out", "path")
    confined = [name for name in files if "confined" in name]
    assert len(confined) > count / 10
    for name in confined:
        assert {FIRST, LAST} <= set(rows[name]), f"{name} lost a sound file"
    for name, paths in rows.items():
        assert not any(part in ("", "..") for path in paths for part in path.split("/")), name


@pytest.mark.parametrize("count", [32, pytest.param(800, marks=pytest.mark.slow)])
def test_damaged_sources_cost_themselves_and_never_their_neighbours(count, tmp_path):
    """A repository a language, its sound file beside the harmed ones; what that gives alone, it gives among them."""
    harmed, sound = tmp_path / "harmed", tmp_path / "sound"
    written: Counter[str] = Counter()
    for language in LANGUAGES:
        suffix, source = sample_of(language)
        for folder in (harmed, sound):
            (folder / language).mkdir(parents=True)
            (folder / language / f"{SOUND}{suffix}").write_bytes(source)
        written[language] += 1
    for number, file in enumerate(hostile_sources(count)):
        language = LANGUAGES[number % len(LANGUAGES)]
        (harmed / language / file.name).write_bytes(file.data)
        written[language] += 1
    alone = rows_of_sound_files(sound, tmp_path / "alone", dict.fromkeys(LANGUAGES, 1))
    assert alone.keys() == set(LANGUAGES) and all(alone.values())
    shutil.rmtree(sound)
    among = rows_of_sound_files(harmed, tmp_path / "among", written)
    assert among == alone


def rows_of_sound_files(folder: Path, out: Path, written: Mapping[str, int]) -> dict[str, int]:
    """How many rows each language's sound file gave; every file that was written was read."""
    mine(str(folder / "*"), out, 1)
    failed = check_ledgers(out, written)["file"]
    assert {name: ledger["stages"]["file"]["read"] for name, ledger in ledgers(out).items()} == dict(written)
    assert failed["parser_crash"] == 0
    assert failed["unreadable"] == 0
    rows = rows_by_file(out, "path")
    return {language: sum(path.startswith(f"{SOUND}.") for path in paths) for language, paths in rows.items()}
