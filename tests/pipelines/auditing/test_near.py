"""What near-duplicates and leaks are left, from stored signatures and from a sample: both find what was planted."""

import json
import pydoc_data.topics
import random
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from miners.audit import near_sample
from miners.audit.near_pairs import NearPairs, duplicate_figures
from miners.audit.near_sample import Batch, Query, SampleSearch, Thresholds
from miners.near_duplicates.resolve import JOINT, POSITIVE
from pipelines.audit import main
from pipelines.auditing import near as near_pass
from pipelines.auditing import signatures
from pipelines.dedupe import main as dedupe
from pipelines.set_files import load_manifest
from schemas import Provenance, make_pair

LENIENT = "text_threshold: 1.0\ncode_threshold: 1.0\nleak_threshold: 1.0\nmax_per_anchor: 99\nmax_per_positive: 99\n"


def changed(text, word):
    words = text.split()
    return " ".join([*words[:-2], word, words[-1]])


@pytest.fixture(scope="module")
def texts():
    """600 texts of 60 words each, of real words in a random order: no two have a shingle in common."""
    words = sorted(set(" ".join(pydoc_data.topics.topics.values()).split()))
    return [" ".join(random.Random(i).sample(words, 60)) for i in range(600)]


@pytest.fixture(scope="module")
def planted(texts):
    """300 pairs of 300 groups; 20 of them once more, a little changed, in groups of their own."""
    pairs = [pair(i, texts[2 * i], texts[2 * i + 1]) for i in range(300)]
    near = [pair(1000 + i, changed(p.anchor, "new"), changed(p.positive, "new")) for i, p in enumerate(pairs[:20])]
    return pairs + near


def pair(i, anchor, positive):
    return make_pair(
        kind="neighbor_text",
        language="en",
        anchor=anchor,
        positive=positive,
        place=("crawl.warc", i),
        group=f"site{i}.example",
        provenance=Provenance(url=f"https://site{i}.example/"),
    )


def audited(folder, tmp_path):
    output = tmp_path / f"report-{folder.name}"
    assert main(["--input", str(folder), "--output", str(output), "--quiet", "--workers", "1"]) == 0
    return json.loads((output / "audit.json").read_bytes())


@pytest.mark.slow
def test_signatures_and_sample_find_the_same(planted, tmp_path, make_pair_set, monkeypatch):
    recipe, signed = tmp_path / "lenient.yaml", tmp_path / "signed"
    recipe.write_text(LENIENT + "validation_share: 0.3\ntest_share: 0.0\n")
    mined = make_pair_set(planted, files=2)
    assert dedupe(["--input", str(mined), "--output", str(signed), "--recipe", str(recipe), "--quiet"]) == 0
    exact = audited(signed, tmp_path)
    assert exact["near_duplicates"]["method"] == "signatures"
    assert exact["near_duplicates"]["rows"] == 20 == exact["near_duplicates"]["groups"]
    assert exact["near_duplicates"]["with_one"] == 40
    assert all(example["similarity"] >= 0.8 for example in exact["near_duplicates"]["examples"])
    split = {
        row_id: entry.split
        for entry in load_manifest(str(signed)).data_files()
        for row_id in pq.read_table(signed / entry.path, columns=["row_id"])["row_id"].to_pylist()
    }
    both = [(split[planted[i].row_id], split[planted[300 + i].row_id]) for i in range(20)]
    crossing = sum(one != other for one, other in both)
    assert crossing and exact["leaks"]["near"]["rows"] == crossing

    held_out = [row for row in planted if split[row.row_id] == "validation"]
    train = [row for row in planted if split[row.row_id] == "train"]
    sampled = audited(make_pair_set(train, validation=held_out, files=2), tmp_path)
    assert sampled["near_duplicates"]["method"] == "sample"
    assert sampled["near_duplicates"]["with_one"] == 40 and sampled["near_duplicates"]["interval"] is None
    assert sampled["leaks"]["near"]["rows"] == crossing

    monkeypatch.setattr(signatures, "ENTRIES_A_PARTITION", 3000)
    search = signatures.find_search(str(signed), load_manifest(str(signed)))
    assert search.partitions > 3
    whole = NearPairs()
    for partition in range(search.partitions):
        whole.merge(signatures.search_partition(search, partition))
    assert duplicate_figures(whole, 320, {})["rows"] == 20
    assert signatures.leaked_rows(search, whole) == crossing


def test_a_clean_set_has_none_left(planted, tmp_path, make_pair_set):
    clean = tmp_path / "clean"
    shares = tmp_path / "shares.yaml"
    shares.write_text("validation_share: 0.3\n")
    flags = ["--recipe", str(shares), "--quiet"]
    assert dedupe(["--input", str(make_pair_set(planted)), "--output", str(clean), *flags]) == 0
    figures = audited(clean, tmp_path)
    assert (figures["near_duplicates"]["rows"], figures["leaks"]["total"]) == (0, 0)
    assert figures["schema"]["broken"] == []


def test_a_share_in_a_sample_has_an_interval(planted, monkeypatch, tmp_path, make_pair_set):
    for module in (near_sample, near_pass):
        monkeypatch.setattr(module, "DUPLICATE_ROWS", 100)
    near = audited(make_pair_set(planted, files=3), tmp_path)["near_duplicates"]
    low, high = near["interval"]
    assert near["looked_at"] == 100
    assert low <= 40 / 320 <= high


def test_a_large_cluster_is_found_whole(texts):
    """More sampled rows share every shingle than a shingle's list holds."""
    words = texts[0].split()
    queries = [
        Query(i, 0, i, 0, "neighbor_text", (i, i, i), " ".join([*words, f"word{i}"]), texts[1]) for i in range(400)
    ]
    search = SampleSearch(queries, [], 400, 0, Thresholds(0.8, 0.7, 0.6, JOINT, POSITIVE))
    names = np.arange(400, dtype=np.uint64).repeat(3).reshape(-1, 3)
    kinds = ["neighbor_text"] * 400
    search.add(Batch(0, 0, 0, kinds, names, [q.anchor for q in queries], [q.positive for q in queries]))
    assert len(search.found.sampled_duplicates.found) == 400


def test_a_cluster_in_several_splits_is_counted(texts, tmp_path, make_pair_set):
    rows = [replace(pair(i, texts[2 * i], texts[2 * i + 1]), cluster=i // 2) for i in range(12)]
    figures = audited(make_pair_set(rows[:9], validation=rows[9:]), tmp_path)
    assert (figures["clusters"]["shared"], figures["clusters"]["in_several_splits"]) == (6, 1)
