"""What pairmill writes reads back as it was; what was damaged since is a ValueError that says so, and nothing else.

Manifest, ledger and token cache; `tests/pipelines/test_damaged_formats.py` has the formats of the jobs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.ledger import FAILURES, LISTED_FAILURES, REASONS, REMOVAL, STAGES, Ledger
from schemas.manifest import FileEntry, Manifest, PairSetError, _checksum, is_inside, parse_manifest
from schemas.pair import SPLITS
from schemas.token_cache import ARRAYS, INDEX_NAME, array_path, index_value, open_array, read_index

texts = st.text(st.characters(codec="utf-8"), max_size=20)
counts = st.integers(0, 1 << 62)
hexes = st.binary(min_size=16, max_size=16).map(bytes.hex)
plain = st.recursive(
    st.none() | st.booleans() | counts | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
inside = st.lists(st.from_regex(r"[a-z0-9-]{1,9}", fullmatch=True), min_size=1, max_size=3).map("/".join)
entries = st.builds(
    FileEntry, inside.map("data/{}".format), st.sampled_from(SPLITS), counts, counts, hexes, st.none() | hexes
)


@st.composite
def ledgers(draw: Callable) -> Ledger:
    ledger = Ledger(draw(st.sampled_from(sorted(STAGES))))
    for stage in STAGES[ledger.job]:
        ledger.read(stage, draw(counts))
        ledger.keep(stage, draw(counts))
        ledger.made(stage, draw(counts))
        name = f"{ledger.job}/{stage}"
        for reasons, count in ((REASONS[name], ledger.drop), (FAILURES[name], ledger.fail)):
            for reason in draw(st.sets(st.sampled_from(reasons))) if reasons else ():
                count(stage, reason, draw(st.integers(1, 1 << 40)))
    for name in draw(st.sets(texts, max_size=3)):
        ledger.note(name, draw(counts))
    return ledger


manifests = st.builds(
    Manifest,
    job=st.sampled_from(sorted(STAGES)),
    run_id=hexes,
    config=st.dictionaries(texts, plain, max_size=4),
    seed=st.integers(),
    code_version=texts,
    ledger=ledgers().map(Ledger.to_json),
    files=st.lists(entries, max_size=4, unique_by=lambda entry: entry.path).map(
        lambda files: tuple(sorted(files, key=lambda entry: entry.path))
    ),
    warnings=st.lists(texts, max_size=2).map(tuple),
    formerly=st.lists(hexes, max_size=2).map(tuple),
)


@st.composite
def damaged(draw: Callable, whole: bytes) -> bytes:
    """The bytes with a part lost, overwritten, put in or doubled."""
    begin = draw(st.integers(0, len(whole) - 1))
    end = draw(st.integers(begin, len(whole)))
    between = draw(st.binary(max_size=8) | st.sampled_from((b"\0", b"[" * 5000, b'"', b"null", b"9" * 5000, b"\xff")))
    return whole[:begin] + between + whole[draw(st.sampled_from((begin, end))) :]


@settings(max_examples=30)
@given(manifests)
def test_a_manifest_reads_back_as_it_was_written(manifest):
    again = parse_manifest(manifest.to_bytes(), "here")
    assert again == manifest
    assert again.to_bytes() == manifest.to_bytes()


@settings(max_examples=50)
@given(st.data())
def test_a_damaged_manifest_is_refused_or_says_the_same(data):
    manifest = data.draw(manifests)
    try:
        assert parse_manifest(data.draw(damaged(manifest.to_bytes())), "here") == manifest  # white space alone differs
    except PairSetError as error:
        assert "here" in str(error)


def sealed(change: Callable[[dict[str, Any]], object]) -> bytes:
    """A manifest that someone else wrote, with its checksum right."""
    entry = FileEntry("data/train-0.parquet", "train", 1, 1, "ab", "cd")
    ledger = Ledger("dedupe").to_json()
    value = Manifest("dedupe", "0", {}, 0, "0.1.0", ledger, (entry,)).to_json()
    del value["manifest_sha256"]
    change(value)
    return json.dumps(value | {"manifest_sha256": _checksum(value)}).encode()


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "data/../../x", "data//x", "C:x", "data\\..\\x", "", ".", "a\0b"]
)
def test_a_manifest_that_names_a_file_outside_is_refused(path):
    assert not is_inside(path)
    with pytest.raises(PairSetError, match="no path in the set's folder"):
        parse_manifest(sealed(lambda value: value["files"][0].update(path=path)), "here")


@pytest.mark.parametrize("key", ["job", "run_id", "config", "seed", "code_version", "ledger", "files", "warnings"])
def test_a_sealed_manifest_without_a_key_is_refused(key):
    with pytest.raises(PairSetError):
        parse_manifest(sealed(lambda value: value.pop(key)), "here")


@given(st.sampled_from(["path", "split", "rows", "bytes", "sha256", "data_sum"]), plain)
def test_a_sealed_manifest_with_something_else_in_a_file_is_refused_or_sums_up(field, instead):
    try:
        manifest = parse_manifest(sealed(lambda value: value["files"][0].update({field: instead})), "here")
    except PairSetError:
        return
    assert len(manifest.data_id) == 32 and sum(manifest.splits.values()) >= 0


@settings(max_examples=30)
@given(ledgers(), ledgers())
def test_ledgers_read_back_and_add_up(one, other):
    again = Ledger.from_json(json.loads(json.dumps(one.to_json())))
    assert again.to_json() == one.to_json()
    if one.job != other.job:
        with pytest.raises(ValueError, match="cannot be added"):
            one.add(other)
        return
    both = {name: stage.read + other.stages[name].read for name, stage in one.stages.items()}
    one.add(other)
    assert {name: stage.read for name, stage in one.stages.items()} == both
    assert len(one.failures) <= LISTED_FAILURES and REMOVAL not in one.stages


@settings(max_examples=50)
@given(st.data())
def test_a_ledger_with_something_else_in_it_is_a_value_error_or_a_ledger(data):
    value = data.draw(ledgers()).to_json()
    place: Any = value
    while True:
        key = data.draw(st.sampled_from(sorted(place))) if isinstance(place, dict) and place else None
        if key is None:
            break
        if not isinstance(place[key], dict) or data.draw(st.booleans()):
            if data.draw(st.booleans()):
                del place[key]
            else:
                place[key] = data.draw(plain)
            break
        place = place[key]
    try:
        Ledger.from_json(value)
    except ValueError:
        return


def write_cache(folder, rows: int, sources: list[str]) -> dict[str, np.ndarray]:
    folder.mkdir(exist_ok=True)
    arrays = {name: np.arange(rows).astype(kind) for name, kind in ARRAYS.items()}
    for name, array in arrays.items():
        array.tofile(array_path(folder, name))
    index = index_value(rows, sources, {name: len(array) for name, array in arrays.items()}, "key")
    (folder / INDEX_NAME).write_text(json.dumps(index), encoding="utf-8")
    return arrays


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.integers(0, 50), st.lists(texts, max_size=3))
def test_a_token_cache_reads_back_as_it_was_written(tmp_path, rows, sources):
    arrays = write_cache(tmp_path / "cache", rows, sources)
    assert read_index(tmp_path / "cache")["sources"] == sources
    for name, array in arrays.items():
        assert np.array_equal(open_array(tmp_path / "cache", name), array)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.data())
def test_a_damaged_index_of_a_token_cache_is_refused_or_says_the_same_sizes(tmp_path, data):
    folder = tmp_path / "cache"
    write_cache(folder, 3, ["a"])
    whole = (folder / INDEX_NAME).read_bytes()
    (folder / INDEX_NAME).write_bytes(data.draw(damaged(whole)))
    try:
        assert read_index(folder)["elements"] == json.loads(whole)["elements"]
    except ValueError as error:
        assert str(folder) in str(error)


@pytest.mark.parametrize("name", [*ARRAYS, "index"])
def test_a_token_cache_that_lost_a_byte_is_refused(tmp_path, name):
    write_cache(tmp_path / "cache", 3, ["a"])
    path = tmp_path / "cache" / INDEX_NAME if name == "index" else array_path(tmp_path / "cache", name)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"token cache|damaged"):
        read_index(tmp_path / "cache")
