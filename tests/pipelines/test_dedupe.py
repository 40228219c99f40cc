"""The dedupe job against a brute-force oracle, and its promises: order, workers, shards, evidence, leaks."""

import itertools
import json
import random
from collections import Counter
from functools import cache
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest

from miners.near_duplicates.words import words
from pipelines import dedupe
from pipelines.contamination_table import contamination_counts
from pipelines.deduping import inputs as dedupe_input
from pipelines.deduping import keys as dedupe_keys
from pipelines.deduping import verify as dedupe_verify
from pipelines.deduping import write as dedupe_write
from pipelines.finish import Job, finish_pair_set
from pipelines.runs import Run
from schemas import verify, writer
from schemas.finished import file_entry
from schemas.ledger import Ledger
from schemas.pair import Pair, Provenance, make_pair, pairs_to_table
from schemas.pair_set import read_manifest, read_pair_set
from schemas.split import split_of
from schemas.writer import PartWriter

PASSES = (
    "ScanUnit",
    "FindLeakKeys",
    "MatchPartition",
    "VerifyCandidates",
    "ResolveRows",
    "RouteUnit",
    "WriteShard",
    "FinishDedupe",
)
WORDS = [f"word{i}" for i in range(4000)]


def write_set(folder: Path, parts: list[list[Pair]]) -> Path:
    """A pair set as a mine job leaves it."""
    files = []
    for number, pairs in enumerate(part for part in parts if part):
        name = f"data/train-{number:016x}-00000.parquet"
        (folder / "data").mkdir(parents=True, exist_ok=True)
        with open(folder / name, "wb") as file:
            writer = PartWriter(file)
            writer.write(pairs_to_table(pairs))
            files.append(file_entry(name, "train", writer.close()))
    ledger = Ledger("mine-code")
    rows = sum(entry.rows for entry in files)
    for stage in ("file", "function", "pair"):
        ledger.read(stage, rows)
        ledger.keep(stage, rows)
        ledger.made(stage, rows)
    folder.mkdir(exist_ok=True)
    finish_pair_set(Job("mine-code", str(folder), {}, 0, Run("r", "c")), ledger, files)
    return folder


def pair(anchor: str, positive: str, place: int, group: str = "g", kind: str = "neighbor_text", **provenance) -> Pair:
    return make_pair(
        kind=kind,
        language="en" if kind == "neighbor_text" else "python",
        anchor=anchor,
        positive=positive,
        place=("file", place),
        group=group,
        provenance=Provenance(**provenance),
    )


def sentence(rng: random.Random, count: int) -> list[str]:
    return [rng.choice(WORDS) for _ in range(count)]


def changed(rng: random.Random, tokens: list[str], edits: int) -> list[str]:
    tokens = list(tokens)
    for _ in range(edits):
        tokens[rng.randrange(len(tokens))] = rng.choice(WORDS)
    return tokens


def random_pairs(seed: int, count: int) -> list[Pair]:
    """Pairs with copies, near copies, repeated sides and short texts planted among them."""
    rng = random.Random(seed)
    made: list[Pair] = []
    for place in range(count):
        kind = rng.choice(("neighbor_text", "docstring_code"))
        anchor, positive = sentence(rng, rng.choice((3, 12, 40))), sentence(rng, rng.choice((4, 60, 120)))
        if made and rng.random() < 0.6:
            old = rng.choice(made)
            kind = old.kind
            choice = rng.randrange(5)
            anchor, positive = old.anchor.split(), old.positive.split()
            if choice == 1:
                positive = changed(rng, positive, rng.randrange(1, 5))
            elif choice == 2:
                anchor = changed(rng, anchor, rng.randrange(1, 3))
                positive = changed(rng, positive, rng.randrange(0, 4))
            elif choice == 3:
                positive = sentence(rng, 50)
            elif choice == 4:
                anchor = sentence(rng, 30)
        if rng.random() < 0.1:
            anchor = ["Returns", "the", "name."]
        made.append(
            pair(
                " ".join(anchor),
                " ".join(positive),
                place,
                group=f"group{rng.randrange(60)}",
                kind=kind,
                license=rng.choice((None, "MIT")),
                date=rng.choice((None, "2020-01-01", "2024-05-06T07:08:09Z")),
            )
        )
    return made


def run_dedupe(output: Path, *inputs: Path, flags: tuple[str, ...] = ()) -> Path:
    assert dedupe.main(["--input", *map(str, inputs), "--output", str(output), "--quiet", *flags]) == 0
    return output


def rows_of(folder: Path, split: str | None = None) -> list[dict]:
    return read_pair_set(folder, split).to_table().to_pylist()


def evidence_of(folder: Path) -> list[dict]:
    paths = sorted((folder / "evidence").glob("*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def shingles(text: str, is_code: bool) -> frozenset:
    found = words(text, is_code)
    return frozenset((is_code, *found[i : i + 5]) for i in range(max(1, len(found) - 4)))


def similarity(left: frozenset, right: frozenset) -> float:
    return len(left & right) / len(left | right)


@cache
def sides(row: Pair) -> dict[str, frozenset]:
    anchor, positive = shingles(row.anchor, False), shingles(row.positive, row.kind == "docstring_code")
    return {"joint": anchor | positive, "anchor": anchor, "positive": positive}


def survivor_key(row: Pair) -> tuple:
    quality = 0
    if row.kind == "docstring_code":
        text = row.anchor
        quality = (len(text.split()) >= 5) + text[:1].isupper() + text.endswith((".", "!", "?"))
    date = "".join(c for c in row.provenance.date or "" if c.isdigit())[:14].ljust(14, "0")
    length = len(row.anchor) + len(row.positive)
    return (row.provenance.license is None, -quality, -int(date), -length, row.pair_id, row.row_id)


def oracle(pairs: list[Pair], share: float, max_anchor: int, max_positive: int) -> tuple[dict, dict, set]:
    """(reason of each removed row, cluster of each kept one, pairs too near a threshold for bands to promise)."""
    order = sorted(pairs, key=survivor_key)
    reasons: dict[str, str] = {}
    seen_rows, seen_pairs, left = set(), set(), []
    for row in order:
        if row.pair_id in seen_pairs:
            reasons[row.row_id] = "same_pair"
        else:
            left.append(row)
        seen_rows.add(row.row_id)
        seen_pairs.add(row.pair_id)
    sets = {row.row_id: sides(row) for row in left}
    edges = {row.row_id: set() for row in left}
    for a, b in itertools.combinations(left, 2):
        if a.kind == b.kind:
            side, threshold = ("joint", 0.8) if a.kind == "neighbor_text" else ("positive", 0.7)
            if similarity(sets[a.row_id][side], sets[b.row_id][side]) >= threshold:
                edges[a.row_id].add(b.row_id)
                edges[b.row_id].add(a.row_id)
    by_id = {row.row_id: row for row in left}
    kept: list[Pair] = []
    for row in left:
        if edges[row.row_id] & {k.row_id for k in kept}:
            reasons[row.row_id] = "near_duplicate"
        else:
            kept.append(row)
    clusters = {}
    for row in left:
        reached, todo = {row.row_id}, [row.row_id]
        while todo:
            new = edges[todo.pop()] - reached
            reached |= new
            todo += new
        low = int(min(by_id[i].pair_id for i in reached)[16:], 16)
        clusters[row.row_id] = low - (1 << 64) if low >= 1 << 63 else low
    anchors, positives, capped = Counter(), Counter(), []
    for row in kept:
        if anchors[row.anchor_hash] >= max_anchor:
            reasons[row.row_id] = "anchor_repeats"
        elif positives[row.positive_hash] >= max_positive:
            reasons[row.row_id] = "positive_repeats"
        else:
            anchors[row.anchor_hash] += 1
            positives[row.positive_hash] += 1
            capped.append(row)
    final: list[Pair] = []
    for split in ("train", "validation", "test"):
        mine = [row for row in capped if split_of(row.group, "pairmill", share, share) == split]
        above = list(final)
        hashes = {h for row in above for h in (row.anchor_hash, row.positive_hash)}
        for row in mine:
            if {row.anchor_hash, row.positive_hash} & hashes or any(
                similarity(sets[row.row_id][side], sets[other.row_id][side]) >= 0.6
                for other in above
                for side in ("joint", "anchor", "positive")
            ):
                reasons[row.row_id] = "split_leak"
            else:
                final.append(row)
    return reasons, {row.row_id: clusters[row.row_id] for row in final}


def make_everything_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file its own unit, and many segments, slices and chunks where a real input has one."""
    monkeypatch.setattr(dedupe_input, "UNIT_BYTES", 1)
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 30)
    monkeypatch.setattr(dedupe, "SLICE_BYTES", 2000)
    monkeypatch.setattr(dedupe_keys, "SEGMENT_BYTES", 5000)
    monkeypatch.setattr(dedupe_write, "SEGMENT_BYTES", 5000)
    monkeypatch.setattr(dedupe_input, "BATCH_ROWS", 17)
    monkeypatch.setattr(dedupe_verify, "CHUNK_SHINGLES", 500)


@pytest.mark.parametrize("seed", [1, 2])
def test_job_does_what_the_brute_force_oracle_does(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if seed == 2:
        make_everything_small(monkeypatch)
    pairs = random_pairs(seed, 260)
    source = write_set(tmp_path / "in", [pairs[:100], pairs[100:]])
    flags = ("--validation-share", "0.2", "--test-share", "0.2", "--max-per-anchor", "3", "--partitions", "3")
    out = run_dedupe(tmp_path / "out", source, flags=flags)
    reasons, clusters = oracle(pairs, 0.2, 3, 1)
    found = {row["removed_row_id"]: row["reason"] for row in evidence_of(out)}
    assert found == reasons
    assert {row["row_id"]: row["cluster"] for row in rows_of(out)} == clusters
    assert len(set(found.values())) >= 5, Counter(found.values())
    check_evidence(out, pairs)


def check_evidence(out: Path, pairs: list[Pair]) -> None:
    """Every removal names a row that outlived its stage, and its similarity is that of plain string sets."""
    by_id = {row.row_id: row for row in pairs}
    evidence = evidence_of(out)
    stages = ("exact", "near", "cap", "contamination", "split")
    gone = {row["removed_row_id"]: stages.index(row["stage"]) for row in evidence}
    assert len(gone) == len(evidence) == len(pairs) - len(rows_of(out))
    for row in evidence:
        removed, kept = by_id[row["removed_row_id"]], by_id[row["kept_row_id"]]
        assert gone.get(kept.row_id, 9) > stages.index(row["stage"])
        assert (row["removed_group"], row["kept_group"]) == (removed.group, kept.group)
        if row["rule"] == "jaccard":
            exact = similarity(sides(removed)[row["side"]], sides(kept)[row["side"]])
            assert row["similarity"] == exact and row["bands_shared"] >= 1
            assert exact >= {"near": 0.7, "split": 0.6}[row["stage"]]
        else:
            assert row["similarity"] == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["2", "4"])
def test_workers_order_and_partitions_change_no_row(tmp_path: Path, workers: str) -> None:
    pairs = random_pairs(7, 220)
    first, second = pairs[:90], pairs[90:]
    one = run_dedupe(tmp_path / "1", write_set(tmp_path / "a", [first, second]), flags=("--workers", "1"))
    two = run_dedupe(
        tmp_path / "2",
        write_set(tmp_path / "b", [second]),
        write_set(tmp_path / "c", [first]),
        flags=("--workers", workers, "--partitions", "5", "--temp", str(tmp_path / "temporary")),
    )
    assert [rows_of(one, s) for s in ("train", "validation", "test")] == [
        rows_of(two, s) for s in ("train", "validation", "test")
    ]
    key = lambda row: row["removed_row_id"]  # noqa: E731
    assert sorted(evidence_of(one), key=key) == sorted(evidence_of(two), key=key)
    assert read_manifest(one).data_id == read_manifest(two).data_id
    assert not list((tmp_path / "temporary").iterdir()) and not (one / "_temp").exists()


def test_units_segments_and_slices_change_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = random_pairs(8, 150)
    source = write_set(tmp_path / "in", [pairs[i : i + 40] for i in range(0, 150, 40)])
    one = run_dedupe(tmp_path / "1", source)
    make_everything_small(monkeypatch)
    many = run_dedupe(tmp_path / "many", source)
    assert rows_of(one) == rows_of(many)
    key = lambda row: row["removed_row_id"]  # noqa: E731
    assert sorted(evidence_of(one), key=key) == sorted(evidence_of(many), key=key)
    signatures = [pq.read_table(folder / "signatures/train-00000-of-00001.parquet") for folder in (one, many)]
    assert signatures[0].equals(signatures[1])


def test_every_pass_may_run_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_set(tmp_path / "in", [random_pairs(9, 60)])
    once = run_dedupe(tmp_path / "once", source)
    for name in PASSES:
        step = getattr(dedupe, name)

        def twice(self, element, process=step.process):
            if isinstance(element, tuple):
                element = (element[0], list(element[1]))
            first, second = list(process(self, element)), list(process(self, element))
            assert first == second
            return second

        monkeypatch.setattr(step, "process", twice)
    again = run_dedupe(tmp_path / "twice", source)
    assert rows_of(once) == rows_of(again) and evidence_of(once) == evidence_of(again)
    assert list(verify.faults(str(again))) == []


@pytest.mark.parametrize("lost", ["a row", "a verdict", "a file of evidence"])
def test_a_job_that_loses_anything_does_not_publish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, lost: str
) -> None:
    source = write_set(tmp_path / "in", [random_pairs(10, 80)])
    if lost == "a row":
        add = dedupe_write.Segments.add
        monkeypatch.setattr(dedupe_write.Segments, "add", lambda self, table, splits: add(self, table[1:], splits[1:]))
    elif lost == "a verdict":
        decided = dedupe_write.decided

        def forgetful(*given):
            codes, clusters, splits = decided(*given)
            codes[codes.nonzero()[0][0]] = 0
            return codes, clusters, splits

        monkeypatch.setattr(dedupe_write, "decided", forgetful)
    else:
        monkeypatch.setattr(dedupe_write.RouteUnit, "_evidence", lambda *_: [])
    assert dedupe.main(["--input", str(source), "--output", str(tmp_path / "out"), "--quiet"]) == 1
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert "failed" in capsys.readouterr().err


def test_shards_cut_one_canonical_order(tmp_path: Path) -> None:
    source = write_set(tmp_path / "in", [random_pairs(3, 200)])
    one = run_dedupe(tmp_path / "1", source)
    four = run_dedupe(tmp_path / "4", source, flags=("--shards", "4"))
    assert len(read_manifest(four).data_files("train")) == 4
    assert rows_of(one, "train") == rows_of(four, "train")
    other = run_dedupe(tmp_path / "seeded", source, flags=("--seed", "5"))
    assert rows_of(other, "train") != rows_of(one, "train")
    assert sorted(r["row_id"] for r in rows_of(other)) == sorted(r["row_id"] for r in rows_of(one))
    for entry in read_manifest(four).data_files():
        beside = pq.read_table(four / entry.path.replace("data/", "signatures/"))
        assert beside["row_id"].to_pylist() == pq.read_table(four / entry.path)["row_id"].to_pylist()


def test_no_row_of_a_later_split_resembles_one_of_an_earlier(tmp_path: Path) -> None:
    pairs = random_pairs(11, 300)
    flags = ("--validation-share", "0.25", "--test-share", "0.25")
    out = run_dedupe(tmp_path / "out", write_set(tmp_path / "in", [pairs]), flags=flags)
    by_id = {row.row_id: row for row in pairs}
    splits = {s: [by_id[r["row_id"]] for r in rows_of(out, s)] for s in ("train", "validation", "test")}
    assert all(splits.values())
    for one, other in itertools.combinations(splits, 2):
        assert not {r.group for r in splits[one]} & {r.group for r in splits[other]}
        for a, b in itertools.product(splits[one], splits[other]):
            assert not {a.anchor_hash, a.positive_hash} & {b.anchor_hash, b.positive_hash}
            assert all(similarity(sides(a)[s], sides(b)[s]) < 0.6 for s in ("joint", "anchor", "positive"))


def test_the_same_row_twice_and_short_texts(tmp_path: Path) -> None:
    rng = random.Random(1)
    body = [" ".join(sentence(rng, 30)) for _ in range(4)]
    pairs = [
        pair("Returns x.", body[0], 0),
        pair("Returns x.", body[1], 1),
        pair("Returns y.", body[2], 2),
        pair("ok", "no", 3),
        pair("ok", "yes", 4),
        pair("ok", "no", 5),
    ]
    source = write_set(tmp_path / "in", [pairs])
    again = write_set(tmp_path / "again", [pairs[:2]])
    flags = ("--validation-share", "0", "--test-share", "0")
    out = run_dedupe(tmp_path / "out", source, again, flags=flags)
    reasons = Counter(row["reason"] for row in evidence_of(out))
    assert reasons == {"same_row": 2, "same_pair": 1}
    assert len(rows_of(out)) == 5
    assert all(row["cluster"] is not None for row in rows_of(out))


def test_planted_duplicate_goes_and_its_survivor_is_the_licensed_one(tmp_path: Path) -> None:
    rng = random.Random(4)
    anchor, positive = sentence(rng, 100), sentence(rng, 100)
    near = changed(rng, positive, 2)
    pairs = [
        pair(" ".join(anchor), " ".join(positive), 0, license="NOASSERTION", date="2024"),
        pair(" ".join(anchor), " ".join(near), 1, license="MIT", date="2001"),
        *random_pairs(5, 3),
    ]
    flags = ("--validation-share", "0", "--test-share", "0")
    out = run_dedupe(tmp_path / "out", write_set(tmp_path / "in", [pairs]), flags=(*flags, "--keep-rejects"))
    evidence = [row for row in evidence_of(out) if row["removed_row_id"] == pairs[0].row_id]
    assert [row["kept_row_id"] for row in evidence] == [pairs[1].row_id]
    rejects = pq.read_table(next((out / "rejects").glob("*.parquet"))).to_pylist()
    assert (rejects[0]["stage"], rejects[0]["reason"]) == ("near", "near_duplicate")


def decontaminated(tmp_path: Path, pairs: list[Pair], *benchmarks: Path, flags: tuple[str, ...] = ()) -> Path:
    """The pairs without what the benchmarks hold; all of them would be train."""
    given = ("--decontaminate", *map(str, benchmarks), "--validation-share", "0", "--test-share", "0", *flags)
    return run_dedupe(tmp_path / "out", write_set(tmp_path / "in", [pairs]), flags=given)


def found_contamination(out: Path) -> dict[str, tuple]:
    return {row["removed_row_id"]: (row["rule"], row["side"], row["benchmark"]) for row in evidence_of(out)}


def test_contaminated_rows_go_on_either_side(tmp_path: Path) -> None:
    rng = random.Random(6)
    texts = [sentence(rng, 20) for _ in range(12)]
    plain = list(map(" ".join, texts))
    pairs = [pair(plain[2 * i], plain[2 * i + 1], i) for i in range(4)]
    inside = pair(plain[8], " ".join([*sentence(rng, 9), *texts[9], *sentence(rng, 9)]), 4)
    pairs += [inside, pair(plain[10], plain[11], 5)]
    lines = [{"q": plain[0].upper()}, {"q": [plain[5]]}, {"q": plain[9]}, {"q": " ".join(sentence(rng, 30))}]
    (tmp_path / "bench.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "other.txt").write_text("nothing of it\n")
    out = decontaminated(tmp_path, pairs, tmp_path / "bench.jsonl", tmp_path / "other.txt")
    assert found_contamination(out) == {
        pairs[0].row_id: ("side_hash", "anchor", "bench"),
        pairs[2].row_id: ("side_hash", "positive", "bench"),
        inside.row_id: ("overlap", "positive", "bench"),
    }
    counts = contamination_counts(read_manifest(out).ledger["notes"])
    assert counts["bench"] == {
        "texts": 4,
        "texts_found": 3,
        "texts_commonplace": 0,
        "rows_equal": 2,
        "rows_overlapping": 1,
        "rows_of_repositories": 0,
        "rows_spared": 0,
    }
    assert counts["other"] == {**dict.fromkeys(counts["bench"], 0), "texts": 1}


def test_repositories_that_an_evaluation_names_go_whole_unless_the_recipe_says_no(tmp_path: Path) -> None:
    rng = random.Random(7)
    groups = ("owner/name", "owner/other", "example.com")
    pairs = [
        pair(" ".join(sentence(rng, 9)), " ".join(sentence(rng, 20)), i, group, "docstring_code")
        for i, group in enumerate(groups)
    ]
    (tmp_path / "bench.jsonl").write_text('{"repo": "https://github.com/Owner/Name", "code": "x = 1"}\n')
    out = decontaminated(tmp_path, pairs, tmp_path / "bench.jsonl")
    assert found_contamination(out) == {pairs[0].row_id: ("repository", "joint", "bench")}
    (tmp_path / "recipe.yaml").write_text("evaluation_repositories: false\n")
    flags = ("--recipe", str(tmp_path / "recipe.yaml"), "--overwrite")
    assert found_contamination(decontaminated(tmp_path, pairs, tmp_path / "bench.jsonl", flags=flags)) == {}


def test_a_commonplace_of_an_evaluation_costs_no_row(tmp_path: Path) -> None:
    rng = random.Random(8)
    common, rare = "Returns the name.", "Returns the third name of the object."
    pairs = [pair(common, " ".join(sentence(rng, 20)), i, f"group{i}") for i in range(11)]
    pairs += [pair(rare, " ".join(sentence(rng, 20)), 11 + i, f"group{i % 10}") for i in range(11)]
    (tmp_path / "bench.txt").write_text(f"{common}\n{rare}\n")
    out = decontaminated(tmp_path, pairs, tmp_path / "bench.txt")
    assert set(found_contamination(out)) == {row.row_id for row in pairs[11:]}
    counts = contamination_counts(read_manifest(out).ledger["notes"])["bench"]
    assert (counts["texts_commonplace"], counts["rows_spared"], counts["rows_equal"]) == (1, 11, 11)


def test_empty_input_ends_with_an_empty_set(tmp_path: Path) -> None:
    out = run_dedupe(tmp_path / "out", write_set(tmp_path / "in", []))
    assert read_manifest(out).splits == {} and not (out / "data").exists()


@pytest.mark.parametrize("count", [1, 3, 10_000])
def test_load_dataset_reads_the_output(tmp_path: Path, count: int) -> None:
    rng = random.Random(count)
    pairs = [pair(f"a{i}", " ".join(sentence(rng, 9)), i, group=f"group{i % 997}") for i in range(count)]
    flags = () if count > 3 else ("--validation-share", "0", "--test-share", "0")
    out = run_dedupe(tmp_path / "out", write_set(tmp_path / "in", [pairs]), flags=("--shards", "4", *flags))
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert {split: len(loaded[split]) for split in loaded} == read_manifest(out).splits
    assert sum(map(len, loaded.values())) == count
    assert loaded["train"][0]["row_id"] == rows_of(out, "train")[0]["row_id"]


def test_a_split_far_below_its_share_is_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    pairs = [pair(f"a{i}", f"b{i}", i, group="one.example") for i in range(5)]
    source = write_set(tmp_path / "in", [pairs])
    key = next(k for k in "abcdefgh" if split_of("one.example", k, 0.5, 0.4) == "train")
    flags = ["--quiet", "--validation-share", "0.5", "--test-share", "0.4", "--split-key"]
    arguments = ["--input", str(source), "--output"]
    assert dedupe.main([*arguments, str(tmp_path / "out"), *flags, key]) == 0
    assert "less than half of its share" in capsys.readouterr().err
    key = next(k for k in "abcdefgh" if split_of("one.example", k, 0.5, 0.4) != "train")
    assert dedupe.main([*arguments, str(tmp_path / "out2"), *flags, key]) == 1
    assert "--split-key" in capsys.readouterr().err


def test_recipe_under_flags_and_both_in_the_manifest(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    source = write_set(tmp_path / "in", [random_pairs(12, 30)])
    (tmp_path / "recipe.yaml").write_text("code_threshold: 0.9\nmax_per_anchor: 2\nvalidation_share: 0.1\n")
    recipe = ("--recipe", str(tmp_path / "recipe.yaml"))
    config = read_manifest(run_dedupe(tmp_path / "out", source, flags=(*recipe, "--max-per-anchor", "3"))).config
    assert (config["code_threshold"], config["text_threshold"]) == (0.9, 0.8)
    assert (config["max_per_anchor"], config["validation_share"]) == (3, 0.1)
    assert config["bands"] == {
        "near_text": "16x8",
        "near_code": "8x16",
        "leak_joint": "32x4",
        "leak_anchor": "32x4",
        "leak_positive": "32x4",
    }
    assert config["signatures"]["scheme"] == "affine32" and len(config["signatures"]["permutations_xxh3_64"]) == 16
    (tmp_path / "recipe.yaml").write_text("code_treshold: 0.9\n")
    assert dedupe.main(["--input", str(source), "--output", str(tmp_path / "no"), *recipe]) == 2
    assert "code_threshold" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--threshold", "1.5"), "threshold"),
        (("--max-per-anchor", "0"), "max_per_anchor"),
        (("--validation-share", "0.6", "--test-share", "0.6"), "shares"),
        (("--shards", "0"), "--shards"),
        (("--decontaminate", "/nowhere.jsonl"), "no file"),
        (("--treshold", "0.8"), "--threshold"),
    ],
)
def test_wrong_arguments_are_told_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture, flags: tuple[str, ...], told: str
) -> None:
    source = write_set(tmp_path / "in", [[pair("a b", "c d", 0)]])
    assert dedupe.main(["--input", str(source), "--output", str(tmp_path / "out"), *flags]) == 2
    message = capsys.readouterr().err
    assert told in message and message.count("\n") == 1


def test_an_input_that_is_no_pair_set_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert dedupe.main(["--input", str(tmp_path), "--output", str(tmp_path / "out")]) == 2
    assert "is no finished pair set" in capsys.readouterr().err
    source = write_set(tmp_path / "in", [[pair("a b", "c d", 0)]])
    assert dedupe.main(["--input", str(source), "--output", str(source), "--overwrite"]) == 2
    assert "one of the inputs" in capsys.readouterr().err
    next((source / "data").iterdir()).unlink()
    assert dedupe.main(["--input", str(source), "--output", str(tmp_path / "out")]) == 2
    assert "missing" in capsys.readouterr().err


def test_a_source_or_group_that_loses_too_much_raises_the_alarm(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    rng = random.Random(11)
    same = " ".join(sentence(rng, 30))
    lost = [pair(f"anchor {i} of many", same, i, "lost.org", "docstring_code") for i in range(120)]
    kept = [pair(" ".join(sentence(rng, 9)), " ".join(sentence(rng, 20)), i, f"group{i % 50}") for i in range(200)]
    small = [pair(f"anchor {i} of few", same, i, "small.org") for i in range(99)]
    folder = write_set(tmp_path / "in", [lost + kept + small])
    splits = ("--validation-share", "0", "--test-share", "0")
    out = run_dedupe(tmp_path / "out", folder, flags=splits)
    warnings = read_manifest(out).warnings
    assert [line.split(":")[0] for line in warnings] == [
        "source docstring_code/python lost 99.2% of its 120 rows",
        "group lost.org lost 99.2% of its 120 rows",
    ]
    # A bucket of so many is compared in windows; what a window leaves over has the same positive.
    assert warnings[0].endswith(": near_duplicate 118, positive_repeats 1")
    flags = ["--input", str(folder), "--output", str(tmp_path / "gate"), "--quiet", *splits]
    assert dedupe.main([*flags, "--max-source-loss", "0.9"]) == 1
    assert read_manifest(tmp_path / "gate").data_id == read_manifest(out).data_id
    assert "lost.org lost 99.2%" in capsys.readouterr().err
    assert dedupe.main([*flags, "--max-source-loss", "0.995", "--overwrite"]) == 0
    assert read_manifest(tmp_path / "gate").warnings == ()


def test_the_manifest_keeps_the_ledgers_of_what_the_set_was_made_of(tmp_path: Path) -> None:
    flags = ("--validation-share", "0", "--test-share", "0")
    sets = [write_set(tmp_path / f"in{i}", [random_pairs(i, 40)]) for i in range(2)]
    first = run_dedupe(tmp_path / "first", *sets, flags=flags)
    second = run_dedupe(tmp_path / "second", first, flags=flags)
    (parent,) = read_manifest(second).parents
    assert parent["data_id"] == read_manifest(first).data_id and parent["job"] == "dedupe"
    assert [grand["data_id"] for grand in parent["parents"]] == sorted(read_manifest(path).data_id for path in sets)
    read = sum(grand["stages"]["pair"]["kept"] for grand in parent["parents"])
    assert read == parent["stages"]["exact"]["read"] == 80
    assert parent["stages"]["split"]["kept"] == read_manifest(second).ledger["stages"]["exact"]["read"]
