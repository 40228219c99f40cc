"""Whose code a set holds: summed over units in any order, written by the job, and held by verify."""

import io
import subprocess
from collections import Counter
from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.attribution import AttributionSums
from pipelines.dedupe import main as dedupe
from pipelines.mine_code import main
from schemas.attribution import Attribution, read_attribution, write_attribution
from schemas.pair_set import read_manifest, read_pair_set
from schemas.verify import faults

GOOD = 'def add(a, b):\n    """Adds two numbers up."""\n    c = a + b\n    return c\n'
LINES = st.lists(
    st.builds(
        Attribution,
        st.sampled_from(["a", "b", "é"]) | st.text(max_size=3),
        st.sampled_from(["", "1"]),
        st.sampled_from(["MIT", "NOASSERTION"]),
        st.sampled_from(["file", "tag", ""]),
        st.sampled_from(["", "LICENSE", "x\tLICENSE"]),
        st.just(""),
        st.integers(1, 9),
    ),
    max_size=20,
)


@given(LINES, st.randoms())
def test_sums_do_not_depend_on_the_order(lines, rng):
    with AttributionSums() as first, AttributionSums() as second:
        first.add(lines)
        shuffled = list(lines)
        rng.shuffle(shuffled)
        for line in shuffled:
            second.add([line])
        summed = list(first.lines())
        assert summed == list(second.lines())
    keys = [(line.repo, line.revision, line.license) for line in summed]
    assert keys == sorted(set(keys), key=lambda key: [part.encode() for part in key])
    assert sum(line.rows for line in summed) == sum(line.rows for line in lines)
    file = io.BytesIO()
    count, size, _ = write_attribution(file, summed)
    assert (count, size) == (len(summed), len(file.getvalue()))
    assert list(read_attribution(io.StringIO(file.getvalue().decode(), newline="\n"))) == summed


def test_a_file_of_something_else_is_told():
    with pytest.raises(ValueError, match="does not begin with"):
        list(read_attribution(["name\tlicense\n"]))


def repository(folder, license):
    folder.mkdir(parents=True)
    (folder / "a.py").write_text(f"# SPDX-License-Identifier: {license}\n" + GOOD)
    (folder / "b.py").write_text(GOOD.replace("add", "sum"))
    (folder / "package.json").write_text('{"license": "ISC"}')
    for command in (
        ["init", "-q"],
        ["remote", "add", "origin", f"https://github.com/owner/{folder.name}"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", "one"],
    ):
        subprocess.run(["git", "-C", str(folder), *command], check=True)


def test_the_job_writes_it_and_verify_reads_it(tmp_path):
    for name, license in (("one", "MIT"), ("two", "ISC")):
        repository(tmp_path / "repos" / name, license)
    texts = []
    for workers in ("1", "2"):
        output = tmp_path / f"out{workers}"
        assert main(["--input", f"{tmp_path}/repos/*", "--output", str(output), "--workers", workers, "--quiet"]) == 0
        assert list(faults(str(output))) == []
        texts.append((output / "ATTRIBUTION.tsv").read_bytes())
    assert texts[0] == texts[1]
    lines = list(read_attribution(texts[0].decode().splitlines()))
    found = [(line.repo, line.license, line.found_in, line.license_file, line.rows) for line in lines]
    assert found == [
        ("owner/one", "ISC", "metadata", "package.json", 1),
        ("owner/one", "MIT", "tag", "", 1),
        ("owner/two", "ISC", "metadata,tag", "package.json", 2),
    ]
    assert lines[0].license_url == f"https://github.com/owner/one/blob/{lines[0].revision}/package.json"
    assert "ATTRIBUTION.tsv" in {entry.path for entry in read_manifest(output).files}
    assert read_pair_set(output).count_rows() == 4


def test_verify_finds_what_was_changed(tmp_path):
    repository(tmp_path / "repos" / "one", "MIT")
    output = tmp_path / "out"
    assert main(["--input", str(tmp_path / "repos" / "one"), "--output", str(output), "--quiet"]) == 0
    path = output / "ATTRIBUTION.tsv"
    text = path.read_text()
    path.write_text(text.replace("MIT", "ISC"))
    assert any("ATTRIBUTION.tsv was changed" in fault for fault in faults(str(output)))
    path.write_text(text + text.splitlines()[-1] + "\n")
    assert any("speaks of 3 rows" in fault for fault in faults(str(output)))
    path.unlink()
    assert any("ATTRIBUTION.tsv is missing" in fault for fault in faults(str(output)))


def test_a_job_without_repositories_writes_none(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    assert main(["--input", str(tmp_path / "a.py"), "--output", str(tmp_path / "out"), "--quiet"]) == 0
    assert not (tmp_path / "out" / "ATTRIBUTION.tsv").exists() and list(faults(str(tmp_path / "out"))) == []


def test_a_stray_one_is_a_fault(make_pair_set):
    folder = make_pair_set(3)
    (folder / "ATTRIBUTION.tsv").write_text("repo\n")
    assert any("ATTRIBUTION.tsv is not named" in fault for fault in faults(str(folder)))


def test_dedupe_carries_it_on_for_the_rows_that_stay(tmp_path):
    for name, license in (("one", "MIT"), ("two", "ISC"), ("three", "ISC")):
        repository(tmp_path / "repos" / name, license)
    other = GOOD.replace("two numbers", "three words").replace("a + b", "a % b")
    (tmp_path / "repos" / "three" / "c.py").write_text(other)
    subprocess.run(["git", "-C", str(tmp_path / "repos" / "three"), "add", "-A"], check=True)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(tmp_path / "repos" / "three"), *who, "commit", "-q", "-m", "two"], check=True)
    mined, clean = tmp_path / "mined", tmp_path / "clean"
    assert main(["--input", f"{tmp_path}/repos/*", "--output", str(mined), "--quiet"]) == 0
    shares = ["--validation-share", "0", "--test-share", "0"]
    assert dedupe(["--input", str(mined), "--output", str(clean), *shares, "--quiet"]) == 0
    assert list(faults(str(clean))) == []
    places = read_pair_set(clean).to_table(columns=["provenance"])["provenance"].to_pylist()
    kept = Counter((place["repo"], place["revision"], place["license"]) for place in places)
    before = {line[:3]: line[3:6] for line in map(astuple, read_lines(mined))}
    after = read_lines(clean)
    assert 0 < len(places) < 7
    assert {(line.repo, line.revision, line.license): line.rows for line in after} == kept
    assert all(astuple(line)[3:6] == before[astuple(line)[:3]] for line in after)


def read_lines(folder):
    return list(read_attribution((folder / "ATTRIBUTION.tsv").read_text().splitlines()))
