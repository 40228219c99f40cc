"""What the jobs write for each other reads back as it was; what was damaged since is a ValueError, and nothing else.

Unit markers, the journal of a change, files of scores, and lines that are exported and imported again.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.exports.lines import _lines
from pipelines.import_pairs import main as import_pairs
from pipelines.pair_scores import PairScores, find_scores
from pipelines.set_change import finish_change, read_said, staged, write_journal
from pipelines.storage import checksum
from pipelines.unit_markers import read_marker, write_marker
from schemas import read_pair_set
from schemas.manifest import JOURNAL_NAME, MANIFEST_NAME, PairSetError
from schemas.pair_set import read_manifest
from schemas.scores import SCORES_SCHEMA
from schemas.verify import main as verify
from tests.hostile.mutator import flip_bits
from tests.schemas.test_damaged_formats import damaged, plain, texts

in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
row_ids = st.lists(st.binary(min_size=16, max_size=16).map(bytes.hex), max_size=20, unique=True)


@in_one_folder
@given(st.dictionaries(texts, plain, max_size=4), st.data())
def test_a_marker_reads_back_and_a_damaged_one_is_a_value_error(tmp_path, value, data):
    path = tmp_path / "units" / "ab.json"
    path.unlink(missing_ok=True)
    write_marker(str(tmp_path), "ab", value)
    assert read_marker(str(tmp_path), "ab") == {"unit": "ab", **value}
    whole = path.read_bytes()
    path.write_bytes(data.draw(damaged(whole)))
    try:
        assert isinstance(read_marker(str(tmp_path), "ab"), dict)
    except ValueError as error:
        assert "ab.json" in str(error)


@in_one_folder
@given(st.dictionaries(texts, plain, max_size=3), st.data())
def test_a_journal_is_told_again_and_a_damaged_one_changes_nothing(make_pair_set, tmp_path, said, data):
    folder = tmp_path / "set"
    if not folder.exists():
        make_pair_set(4, name="set")
    before = (folder / MANIFEST_NAME).read_bytes()
    write_journal(str(folder), read_manifest(folder), [], said)
    assert read_said(str(folder)) == said
    journal = Path(staged(str(folder), JOURNAL_NAME))
    whole = json.loads(journal.read_bytes())
    journal.write_bytes(data.draw(damaged(journal.read_bytes())))
    try:
        finish_change(str(folder))
    except PairSetError:
        assert journal.exists()
    else:  # nothing of what counts was hit
        assert whole["manifest"].encode() == (folder / MANIFEST_NAME).read_bytes()
    assert (folder / MANIFEST_NAME).read_bytes() == before
    assert verify([str(folder), "--quiet"]) == 0 or journal.exists()
    shutil.rmtree(journal.parent, ignore_errors=True)


@pytest.mark.parametrize("path", ["../outside", "/etc/hostname", "data/../../outside"])
def test_a_journal_moves_nothing_from_or_to_outside(make_pair_set, tmp_path, path):
    folder = make_pair_set(4)
    (tmp_path / "outside").write_text("of somebody else")
    write_journal(str(folder), read_manifest(folder), [path], {})
    with pytest.raises(PairSetError, match="leads out"):
        finish_change(str(folder))
    assert (tmp_path / "outside").read_text() == "of somebody else"
    assert (folder / MANIFEST_NAME).exists()


def write_scores(path: Path, ids: list[str]) -> Path:
    ranks = pa.array(range(1, len(ids) + 1), pa.int32())
    scores = pa.array(np.linspace(-1, 1, len(ids)), pa.float32())
    pq.write_table(pa.table([pa.array(ids, pa.string()), ranks, scores], SCORES_SCHEMA), path)
    return path


@in_one_folder
@given(row_ids)
def test_scores_are_found_again_by_row(tmp_path, ids):
    found = find_scores([str(write_scores(tmp_path / "s.parquet", ids))])
    ranks, _ = found.look_up(pa.chunked_array([pa.array([*ids, "00" * 16], pa.string())]))
    assert ranks.tolist()[:-1] == list(range(1, len(ids) + 1))
    assert ranks[-1] == 0 or "00" * 16 in ids


@in_one_folder
@given(row_ids.filter(bool), st.data())
def test_damaged_scores_are_a_value_error_or_scores(tmp_path, ids, data):
    path = write_scores(tmp_path / "s.parquet", ids)
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    scores = PairScores(((str(path), checksum(str(path))[1]),))
    try:
        ranks, _ = scores.look_up(pa.chunked_array([pa.array(ids, pa.string())]))
    except ValueError as error:
        assert str(path) in str(error) or "twice" in str(error)
    else:
        assert len(ranks) == len(ids)


def test_lines_that_are_exported_are_imported_as_they_were_and_damaged_ones_cost_themselves(tmp_path):
    rng, path, out = random.Random(7), tmp_path / "in.jsonl", tmp_path / "out"
    pairs = [(f'say "{n}" \\ \t{chr(rng.randrange(32, 0xD800))}', f"é\u2028{n}\nline {chr(n + 33)}") for n in range(90)]
    rows = [{"row_id": f"{n:032x}", "anchor": a, "positive": b, "negatives": []} for n, (a, b) in enumerate(pairs)]
    lines = list(_lines(rows))
    path.write_bytes(b"".join(lines))
    import_lines(path, out)
    found = read_pair_set(out).to_table(columns=["anchor", "positive"]).to_pylist()
    assert {(row["anchor"], row["positive"]) for row in found} == set(pairs)
    path.write_bytes(b"".join(flip_bits(line[:-1], rng) + b"\n" if n % 3 else line for n, line in enumerate(lines)))
    import_lines(path, out)
    found = read_pair_set(out).to_table(columns=["anchor", "positive"]).to_pylist()
    assert {(row["anchor"], row["positive"]) for row in found} >= set(pairs[::3])
    assert sum(read_manifest(out).ledger["stages"]["line"]["failed"].values()) > 0


def import_lines(path: Path, out: Path) -> None:
    args = ["--input", str(path), "--output", str(out), "--overwrite", "--quiet", "--workers", "1"]
    assert import_pairs(args) == 0
    assert verify([str(out), "--quiet"]) == 0
