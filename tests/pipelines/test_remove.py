"""`pairmill remove`: what goes, what stays of it (hashes), and that a kill at any moment costs nothing."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import audit, dedupe, explain, mine_code, remove, storage
from schemas import verify
from schemas.attribution import read_attribution
from schemas.data_id import data_id, row_sums
from schemas.manifest import PairSetError
from schemas.pair import Pair, Provenance, make_pair
from schemas.pair_set import read_manifest, read_pair_set
from tests.conftest import code_pairs

MakePairSet = Callable[..., Path]
VOCABULARY = [f"word{i}" for i in range(3000)]


def text(rng: random.Random, count: int) -> str:
    return " ".join(rng.choices(VOCABULARY, k=count))


def page_pair(rng: random.Random, number: int, **given: object) -> Pair:
    site = f"site{number % 30}.org"
    values = {
        "anchor": text(rng, 20),
        "positive": text(rng, 30),
        "provenance": Provenance(
            uri="crawl.warc.gz",
            offset=number // 3 * 1000,
            ordinal=number % 3,
            url=f"https://www.{site}/page{number}",
            license="CC-BY-4.0" if number % 7 == 0 else None,
        ),
    }
    place = ("crawl.warc.gz", number)
    return make_pair(kind="neighbor_text", language="en", place=place, group=site, **{**values, **given})


def rows_of(folder: Path, split: str | None = None) -> list[dict]:
    return read_pair_set(str(folder), split).to_table().to_pylist()


def hashes_of(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def everything_written(folder: Path) -> str:
    """All that a folder's files say."""
    texts = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.suffix == ".parquet":
            texts.append(json.dumps(pq.read_table(path).to_pylist(), default=str, ensure_ascii=False))
        else:
            texts.append(path.read_text(encoding="utf-8"))
    return "\n".join(texts)


def call(folder: Path, *flags: object, status: int = 0) -> None:
    assert remove.main(["--input", str(folder), *map(str, flags)]) == status


def listed(path: Path, *values: str) -> Path:
    path.write_text("\n".join(values) + "\n", encoding="utf-8")
    return path


def assert_whole(folder: Path) -> None:
    assert list(verify.faults(str(folder))) == []
    assert not (folder / "_change").exists() and not (folder / "_beat.json").exists()


def expected_id(folder: Path, stays: Callable[[dict], bool]) -> str:
    """The data_id of the set's rows that stay, by Arrow alone."""
    sums = {}
    for split in ("train", "validation", "test"):
        table = read_pair_set(str(folder), split).to_table()
        left = table.filter(pa.array([stays(row) for row in table.to_pylist()], pa.bool_()))
        sums[split] = (left.num_rows, row_sums(left) if left.num_rows else 0)
    return data_id(sums)


@pytest.fixture
def clean(tmp_path: Path, make_pair_set: MakePairSet) -> Path:
    """A set of dedupe with three splits, rejects, and negatives that are other rows' positives."""
    rng = random.Random(1)
    pages = [page_pair(rng, number) for number in range(150)]
    near = [
        page_pair(rng, 1000 + i, anchor=f"{row.anchor} more", positive=f"{row.positive} more", provenance=Provenance())
        for i, row in enumerate(pages[:30])
    ]
    copies = [page_pair(rng, 2000 + i, anchor=row.anchor, positive=row.positive) for i, row in enumerate(pages[:10])]
    with_negatives = [
        page_pair(rng, 3000 + i, negatives=[pages[i].positive, pages[i + 1].positive, text(rng, 9)]) for i in range(12)
    ]
    source = make_pair_set([*pages, *near, *copies, *with_negatives, *code_pairs(90)], name="source", files=3)
    output = tmp_path / "clean"
    shares = ("--validation-share", "0.2", "--test-share", "0.2", "--shards", "9", "--keep-rejects", "--quiet")
    assert dedupe.main(["--input", str(source), "--output", str(output), *shares]) == 0
    return output


def test_rows_go_by_every_list_and_nothing_of_their_text_stays(tmp_path: Path, clean: Path, capsys) -> None:
    before, old = rows_of(clean), read_manifest(str(clean))
    named = before[5]
    lists = {
        "--urls": listed(
            tmp_path / "urls", "https://WWW.site4.org:443/page34#part", "domain site7.org", "http://no.org/"
        ),
        "--repos": listed(tmp_path / "repos", "https://forge.example/Owner/Repo3.git"),
        "--licenses": listed(tmp_path / "licenses", "CC-BY-4.0"),
        "--ids": listed(tmp_path / "ids", named["row_id"], before[9]["pair_id"]),
    }
    ids = {named["row_id"], before[9]["row_id"]}

    def stays(row: dict) -> bool:
        place = row["provenance"]
        return not (
            place["url"] in ("https://www.site4.org/page34",)
            or ".site7.org/" in (place["url"] or "")
            or place["repo"] == "owner/repo3"
            or place["license"] == "CC-BY-4.0"
            or row["row_id"] in ids
        )

    gone = [row for row in before if not stays(row)]
    assert len(gone) > 20 and len({row["group"] for row in gone}) > 10
    flags = [word for flag, path in lists.items() for word in (flag, path)]
    call(clean, *flags, "--dry-run")
    assert f"{len(gone)} of {len(before)} rows would go" in capsys.readouterr().out and read_manifest(str(clean)) == old
    call(clean, *flags)
    told = capsys.readouterr()
    assert "urls, line 3: nothing in the set is of http://no.org/" in told.err

    assert_whole(clean)
    gone_sides = {row[side] for row in gone for side in ("anchor_hash", "positive_hash")}
    left = [row for row in before if stays(row)]
    for row in left:
        pairs = zip(row["negatives"], row["negative_hashes"], strict=True)
        chosen = [(words, known) for words, known in pairs if known not in gone_sides]
        row["negatives"], row["negative_hashes"] = [words for words, _ in chosen], [known for _, known in chosen]
    assert rows_of(clean) == left
    manifest = read_manifest(str(clean))
    removal = manifest.ledger["stages"]["removal"]
    assert (removal["read"], removal["kept"]) == (len(before), len(left))
    assert sum(removal["dropped"].values()) == len(gone) and set(removal["dropped"]) == {"url", "repo", "license", "id"}
    assert manifest.formerly == (old.data_id,) and manifest.data_id != old.data_id
    kept = pq.read_table(clean / "removed" / "list.parquet").to_pylist()
    assert [row["row_id"] for row in kept] == sorted(row["row_id"] for row in gone)
    assert {(row["pair_id"], row["anchor_hash"]) for row in kept} == {(r["pair_id"], r["anchor_hash"]) for r in gone}

    written = everything_written(clean)
    for row in gone:
        assert row["positive"] not in written and row["anchor"] not in written, row["row_id"]
    for data in (clean / "data").glob("*.parquet"):
        beside = pq.read_table(clean / "signatures" / data.name, columns=["row_id"])
        assert beside["row_id"].to_pylist() == pq.read_table(data, columns=["row_id"])["row_id"].to_pylist()
    assert explain.main([str(clean), gone[0]["row_id"]]) == 0
    assert "taken out of the finished set" in capsys.readouterr().out
    assert audit.main(["--input", str(clean), "--output", str(tmp_path / "report"), "--quiet"]) in (0, 1)
    stages = json.loads((tmp_path / "report" / "audit.json").read_text())["ledger"]["stages"]
    assert stages[-1]["stage"] == "removal" and stages[-1]["kept"] == len(left)


def test_only_touched_files_are_written_again_and_a_copy_leaves_the_set_alone(tmp_path: Path, clean: Path) -> None:
    row = next(row for row in rows_of(clean) if row["provenance"]["repo"])
    asked = listed(tmp_path / "ids", row["row_id"])
    before = hashes_of(clean)
    call(clean, "--ids", asked, "--output", tmp_path / "copy", "--quiet")
    assert hashes_of(clean) == before
    assert_whole(tmp_path / "copy")
    call(clean, "--ids", asked, "--quiet")
    assert_whole(clean)
    after = hashes_of(clean)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    (data,) = (name for name in changed if name.startswith("data/"))
    beside = data.replace("data/", "signatures/")
    assert changed == {data, beside, "manifest.json", "README.md", "removed/list.parquet"}
    assert read_manifest(str(tmp_path / "copy")).data_id == read_manifest(str(clean)).data_id
    call(clean, "--ids", asked, "--output", tmp_path / "copy", "--quiet", status=2)  # holds a finished result
    call(clean, "--ids", asked, "--output", clean, "--quiet", status=2)


def test_removals_add_up_and_what_is_not_there_changes_nothing(tmp_path: Path, clean: Path, capsys) -> None:
    first = read_manifest(str(clean))
    rows = rows_of(clean)
    ids = [row["row_id"] for row in rows]
    for chosen in (ids[:3], ids[2:7]):
        call(clean, "--ids", listed(tmp_path / "ids", *chosen), "--quiet")
        assert_whole(clean)
    manifest = read_manifest(str(clean))
    removal = manifest.ledger["stages"]["removal"]
    assert (removal["read"], removal["kept"], removal["dropped"]) == (len(ids), len(ids) - 7, {"id": 7})
    assert len(manifest.formerly) == 2 and manifest.formerly[0] == first.data_id
    assert pq.read_table(clean / "removed" / "list.parquet")["row_id"].to_pylist() == sorted(ids[:7])
    before = hashes_of(clean)
    call(clean, "--ids", tmp_path / "ids", "--quiet")
    assert hashes_of(clean) == before and "nothing was changed" in capsys.readouterr().out
    call(clean, "--ids", listed(tmp_path / "ids", *ids), "--quiet")
    assert_whole(clean)
    assert read_manifest(str(clean)).splits == {} and not list((clean / "data").glob("*"))


def test_what_was_removed_on_the_way_stands_in_the_lineage(tmp_path: Path, make_pair_set: MakePairSet, capsys) -> None:
    mined = make_pair_set(40)
    call(mined, "--repos", listed(tmp_path / "repos", "owner/repo4"), "--quiet")
    flags = ["--validation-share", "0", "--test-share", "0", "--quiet"]
    assert dedupe.main(["--input", str(mined), "--output", str(tmp_path / "out"), *flags]) == 0
    assert_whole(tmp_path / "out")
    assert read_manifest(str(tmp_path / "out")).parents[0]["stages"]["removal"]["dropped"] == {"repo": 4}
    assert audit.main(["--input", str(tmp_path / "out"), "--output", str(tmp_path / "report"), "--quiet"]) in (0, 1)
    ancestors = json.loads((tmp_path / "report" / "audit.json").read_text())["ancestors"]
    assert [stage["stage"] for stage in ancestors[0]["stages"]][-1] == "removal"
    nothing = make_pair_set(0)
    before = hashes_of(nothing)
    call(nothing, "--repos", tmp_path / "repos", "--quiet")
    assert hashes_of(nothing) == before


@functools.cache
def small_set(folder: str) -> tuple[Path, list[dict]]:
    """A set that examples copy from, never change."""
    rng = random.Random(2)
    from tests.conftest import make_pair_set

    pairs = [page_pair(rng, i, negatives=[f"negative {i}"] if i % 5 == 0 else []) for i in range(40)]
    made = make_pair_set.__wrapped__(Path(folder))(pairs + code_pairs(20), files=4, name="small")
    return made, rows_of(made)


@settings(max_examples=8)
@given(st.sets(st.integers(0, 59), max_size=60), st.booleans())
def test_removing_is_a_plain_filter(tmp_path_factory, chosen: set[int], by_pair: bool) -> None:
    source, rows = small_set(str(tmp_path_factory.getbasetemp()))
    folder = tmp_path_factory.mktemp("filter")
    name = "pair_id" if by_pair else "row_id"
    ids = {rows[i][name] for i in chosen}
    asked = listed(folder / "ids", "f" * 32, *sorted(ids))
    call(source, "--ids", asked, "--output", folder / "out", "--quiet")
    assert read_manifest(str(folder / "out")).data_id == expected_id(source, lambda row: row[name] not in ids)
    assert rows_of(folder / "out") == [row for row in rows if row[name] not in ids]
    assert_whole(folder / "out")


def test_what_was_removed_never_comes_back(tmp_path: Path, clean: Path, make_pair_set: MakePairSet) -> None:
    rng = random.Random(9)
    pages = [row for row in rows_of(clean) if row["provenance"]["url"]]
    gone = pages[:6]
    call(clean, "--ids", listed(tmp_path / "ids", *(row["row_id"] for row in gone)), "--quiet")

    def again(i: int, row: dict, anchor: str) -> Pair:
        return page_pair(rng, 5000 + i, anchor=anchor, positive=row["positive"])

    back = [again(i, row, row["anchor"]) for i, row in enumerate(gone[:4])]
    back += [again(4 + i, row, "  " + row["anchor"].upper()) for i, row in enumerate(gone[4:])]
    fresh = [page_pair(rng, 7000 + i) for i in range(80)]
    shares = ("--validation-share", "0.2", "--test-share", "0.2", "--quiet")
    earlier = clean
    for number in range(2):  # the second time only the set that was made beside the changed one is at hand
        given = make_pair_set([*back, *fresh], name=f"new{number}", files=2)
        fresh = [page_pair(rng, 8000 + i) for i in range(80)]
        out = tmp_path / f"out{number}"
        assert dedupe.main(["--input", str(given), "--output", str(out), "--existing", str(earlier), *shares]) == 0
        assert_whole(out)
        assert read_manifest(str(out)).ledger["stages"]["exact"]["dropped"] == {"removed": 6}
        evidence = [row for path in (out / "evidence").glob("*") for row in pq.read_table(path).to_pylist()]
        assert {row["removed_row_id"] for row in evidence if row["reason"] == "removed"} == {row.row_id for row in back}
        assert len(rows_of(out)) == 80
        earlier = out


class Killed(RuntimeError):
    """The process is no more: nothing that it would still do on the way out happens."""


def kill_after(monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    """From the given number of writes on, every one fails, those of cleaning up too."""
    left = [writes]

    def dying(real: Callable) -> Callable:
        def call_or_die(*values: object, **more: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return real(*values, **more)

        return call_or_die

    for module, name in ((storage, "open_write"), (storage, "delete"), (storage, "publish"), (os, "replace")):
        monkeypatch.setattr(module, name, dying(getattr(module, name)))


def test_a_kill_at_any_write_leaves_the_old_set_the_new_one_or_a_refusal_that_says_the_mend(
    tmp_path: Path, make_pair_set: MakePairSet, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(remove, "folder_taken", lambda _: nullcontext())
    rng = random.Random(3)
    source = make_pair_set([page_pair(rng, i) for i in range(24)] + code_pairs(12), files=3, name="source")
    ids = [row["row_id"] for row in rows_of(source)]
    asked = listed(tmp_path / "ids", ids[0], ids[20])
    old_id, new_id = read_manifest(str(source)).data_id, expected_id(source, lambda row: row["row_id"] not in ids[::20])
    journaled = tmp_path / "journaled"
    shutil.copytree(source, journaled)
    with monkeypatch.context() as patch:
        patch.setattr(remove, "finish_change", lambda _: 1 / 0)
        call(journaled, "--ids", asked, "--quiet", status=1)
    states = []
    # First while files are staged, then at every write of the change itself.
    attempts = [(source, ["--ids", asked], writes) for writes in range(0, 20, 5)]
    attempts += [(journaled, [], writes) for writes in range(60)]
    for number, (start, flags, writes) in enumerate(attempts):
        folder = tmp_path / f"killed{number}"
        shutil.copytree(start, folder)
        with monkeypatch.context() as patch:
            kill_after(patch, writes)
            status = remove.main(["--input", str(folder), *map(str, flags), "--quiet"])
        capsys.readouterr()
        faults = list(verify.faults(str(folder)))
        if faults:
            states.append("refused")
            assert len(faults) == 1 and "pairmill remove" in faults[0]
            with pytest.raises(PairSetError, match="finishes it"):
                read_pair_set(str(folder))
            assert dedupe.main(["--input", str(folder), "--output", str(tmp_path / "no"), "--quiet"]) == 2
            assert "finishes it" in capsys.readouterr().err
            call(folder, "--quiet")
        else:
            states.append({old_id: "old", new_id: "new"}[read_manifest(str(folder)).data_id])
            if status and number % 3 == 0:
                call(folder, "--ids", asked, "--quiet")
        if faults or number % 3 == 0:
            assert_whole(folder)
            assert read_manifest(str(folder)).data_id == new_id
        if status == 0:
            break
    order = [state for i, state in enumerate(states) if i == 0 or states[i - 1] != state]
    assert order == ["old", "refused", "new"] and states.count("refused") >= 5 and status == 0


@pytest.mark.slow
def test_a_process_that_is_killed_while_files_take_their_places(tmp_path: Path, clean: Path) -> None:
    """A real process, dead at once: os._exit in the midst of the change."""
    ids = [row["row_id"] for row in rows_of(clean)][::9]
    asked = listed(tmp_path / "ids", *ids)
    program = (
        "import os, sys; from pipelines import remove, storage; real = storage.replace; n = [0]\n"
        "def replace(*values):\n n[0] += values[1].endswith('.parquet')\n if n[0] > 2: os._exit(9)\n real(*values)\n"
        "storage.replace = replace; remove.main(sys.argv[1:])"
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", program, "--input", str(clean), "--ids", str(asked), "--quiet"]
    assert subprocess.run(command, cwd=root, capture_output=True, check=False).returncode == 9
    (fault,) = verify.faults(str(clean))
    assert "stopped halfway" in fault
    call(clean, "--ids", asked, "--quiet")
    assert_whole(clean)
    assert read_manifest(str(clean)).ledger["stages"]["removal"]["dropped"] == {"id": len(ids)}


@pytest.mark.slow
def test_another_file_system_and_two_workers(tmp_path: Path, clean: Path, strict_storage) -> None:
    ids = [row["row_id"] for row in rows_of(clean)][::7]
    asked = listed(tmp_path / "ids", *ids)
    far = Path(strict_storage("x").replace("strict://x", str(tmp_path / "strict"))) / "set"
    far.parent.mkdir()
    clean.rename(far)
    call(far, "--ids", asked, "--output", tmp_path / "near", "--workers", 2, "--quiet")
    assert remove.main(["--input", "strict://set", "--ids", str(asked), "--quiet"]) == 0
    assert_whole(far)
    assert_whole(tmp_path / "near")
    assert read_manifest(str(far)).data_id == read_manifest(str(tmp_path / "near")).data_id


def test_attribution_follows(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / "repositories" / name
        folder.mkdir(parents=True)
        (folder / "LICENSE").write_text("MIT License\n\nPermission is hereby granted, free of charge, to any person\n")
        functions = [
            f"def {name}_{i}(values, start):\n"
            f'    """Return the sum of all {name} values from number {i} on, or zero."""\n'
            f"    total = {i}\n    for value in values[start:]:\n        total += value * {i}\n    return total\n"
            for i in range(4)
        ]
        (folder / "sums.py").write_text("\n\n".join(functions))
    out = tmp_path / "mined"
    inputs = [str(path) for path in sorted((tmp_path / "repositories").iterdir())]
    assert mine_code.main(["--input", *inputs, "--output", str(out), "--keep-rejects", "--quiet"]) == 0
    rows = rows_of(out)
    assert {row["provenance"]["repo"] for row in rows} == {"one", "two"}
    call(out, "--repos", listed(tmp_path / "repos", "two"), "--quiet")
    assert_whole(out)
    lines = list(read_attribution((out / "ATTRIBUTION.tsv").read_text().splitlines()))
    assert [(line.repo, line.rows) for line in lines] == [("one", len(rows) // 2)]
    assert "two values" not in everything_written(out) and not (out / "units").exists()


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--ids", "FOLDER/nothing"), "cannot be read"),
        (("--ids", "FOLDER/bytes"), "cannot be read"),
        (("--ids", "FOLDER/short"), "short, line 2"),
        (("--urls", "FOLDER/empty"), "names nothing"),
        ((), "--urls, --repos, --licenses or --ids"),
        (("--id", "FOLDER/short"), "did you mean --ids"),
    ],
)
def test_wrong_lists_are_one_sentence(
    tmp_path: Path, make_pair_set: MakePairSet, capsys, flags: Sequence[str], told: str
) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00\x80")
    listed(tmp_path / "short", "a" * 32, "a" * 31)
    listed(tmp_path / "empty", "# nothing", "")
    folder = make_pair_set(10)
    before = hashes_of(folder)
    call(folder, *(word.replace("FOLDER", str(tmp_path)) for word in flags), status=2)
    assert told in capsys.readouterr().err and hashes_of(folder) == before


def test_what_is_no_set_is_refused(tmp_path: Path, make_pair_set: MakePairSet, capsys) -> None:
    asked = listed(tmp_path / "ids", "a" * 32)
    call(tmp_path / "none", "--ids", asked, status=2)
    assert "no finished pair set" in capsys.readouterr().err
    folder = make_pair_set(10)
    next((folder / "data").glob("*")).write_bytes(b"short")
    call(folder, "--ids", asked, status=2)
    assert "bytes long" in capsys.readouterr().err
