"""The demo's input on the machine: real packages and the real standard library of the environment that runs this."""

import ast

from pairmill.demo_sources import (
    copy_standard_library,
    installed_packages,
    local_documentation,
    site_packages,
    source_bytes,
)


def test_the_running_environments_packages_are_found():
    names = [path.name for path in installed_packages(site_packages())]
    assert {"pytest", "numpy", "pyarrow", "apache_beam"} <= set(names)
    assert names == sorted(set(names))
    assert not [name for name in names if name.endswith("-info") or name == "__pycache__"]


def test_only_folders_with_source_are_packages(tmp_path):
    for name in ("real/sub/code.py", "nothing/data.json", "real-1.0.dist-info/x.py", "__pycache__/y.py", "single.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("pass\n")
    assert installed_packages([tmp_path, tmp_path / "absent"]) == [tmp_path / "real"]
    assert source_bytes(tmp_path / "real") == 5


def test_the_standard_library_is_copied_without_the_packages_beside_it(tmp_path):
    target = tmp_path / "cpython"
    files = copy_standard_library(target)
    assert files > 500
    assert sum(1 for path in target.rglob("*") if path.is_file()) == files
    assert not [path for path in target.rglob("*") if path.name in ("site-packages", "__pycache__")]
    ast.parse((target / "json" / "decoder.py").read_text())


def test_documentation_on_the_machine_is_found_by_its_pages(tmp_path):
    for name, pages in {"Big Doc": 9, "mid": 7, "small": 5, "tiny": 2}.items():
        (tmp_path / name).mkdir()
        for n in range(pages):
            (tmp_path / name / f"{n}.html").write_text("<p>x</p>")
    found = local_documentation([tmp_path, tmp_path / "absent"], limit=2)
    assert found == [("big-doc.localhost", tmp_path / "Big Doc"), ("mid.localhost", tmp_path / "mid")]
