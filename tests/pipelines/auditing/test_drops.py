"""A job kept its rejects, dedupe followed, then the audit: every drop on the way has samples, or says why not."""

import json

import pytest

from pipelines.audit import main as audit
from pipelines.dedupe import main as dedupe
from pipelines.mine_code import main as mine_code

SOURCE = '''
def documented_{i}(values, factor):
    """Multiply every value of the list number {i} by the factor and return the sum of all."""
    total = 0
    for value in values:
        total += value * factor + {i}
    return total


def lonely_{i}(values):
    return [value for value in values if value]
'''


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Two repositories, the second with a file of the first; mined with rejects, then deduplicated."""
    folder = tmp_path_factory.mktemp("drops")
    for name, numbers in (("one", range(6)), ("two", range(5, 9))):
        for i in numbers:
            file = folder / "repos" / name / f"m{i}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(SOURCE.format(i=i), encoding="utf-8")
    mined, clean = folder / "mined", folder / "clean"
    repos = str(folder / "repos" / "*")
    assert mine_code(["--input", repos, "--output", str(mined), "--keep-rejects", "--workers", "1", "--quiet"]) == 0
    assert dedupe(["--input", str(mined), "--output", str(clean), "--workers", "1", "--quiet"]) == 0
    return folder


def drops_of(folder, output, *flags):
    command = ["--input", str(folder / "clean"), "--output", str(folder / output), "--workers", "1", "--quiet", *flags]
    status = audit(command)
    if status:
        return status, {}
    figures = json.loads((folder / output / "audit.json").read_text(encoding="utf-8"))
    return status, {drop["key"]: drop for drop in figures["drops"]}


def test_with_the_sets_before_it_every_drop_has_samples(sets):
    status, drops = drops_of(sets, "with", "--made-of", str(sets / "mined"))
    assert status == 0
    lonely = drops["mine-code/function/no_docstring"]
    assert lonely["items"] == 10 and len(lonely["samples"]) == 5
    assert all("lonely" in sample["excerpt"] for sample in lonely["samples"])
    [same] = drops["dedupe/exact/same_pair"]["samples"]
    assert same["removed"]["positive"] == same["kept"]["positive"]
    assert {same["removed"]["group"], same["kept"]["group"]} == {same["removed_group"], same["kept_group"]}


def test_without_them_the_page_says_what_is_missing(sets):
    status, drops = drops_of(sets, "without")
    assert status == 0
    lonely = drops["mine-code/function/no_docstring"]
    assert lonely["samples"] == [] and "--made-of" in lonely["hint"]
    [same] = drops["dedupe/exact/same_pair"]["samples"]
    assert same["removed"] is None and same["kept"]["positive"].startswith("def documented")


def test_a_set_that_it_was_not_made_of_is_refused(sets, capsys):
    status, _ = drops_of(sets, "refused", "--made-of", str(sets / "clean"))
    assert status == 2
    assert "was not made of" in capsys.readouterr().err
    assert not (sets / "refused").exists()
