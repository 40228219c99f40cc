"""Where the demo's input comes from when the registry gives it, gives some of it, or gives nothing."""

import glob

import pytest

from pairmill import demo_input
from pairmill.demo_packages import PACKAGES, RegistryError


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """Packages that the registry gives: the names added to this list. Their archives hold two pages."""
    given = []

    def fetch(package, folder):
        if package.name not in given:
            raise RegistryError(f"{package.name} could not be had.")
        return package.name

    def unpack(name, pages):
        pages.mkdir(parents=True)
        for page in ("a.html", "b.html"):
            (pages / page).write_text(f"<p>{name}</p>")

    monkeypatch.setattr(demo_input, "fetch", fetch)
    monkeypatch.setattr(demo_input, "unpack_pages", unpack)
    monkeypatch.setattr(demo_input, "site_packages", lambda: [tmp_path / "site-packages"])
    monkeypatch.setattr(demo_input, "SHARED_DOCUMENTATION", tmp_path / "doc")
    return given


def test_each_package_becomes_a_warc_and_is_kept(registry, tmp_path):
    registry += [package.name for package in PACKAGES]
    said = []
    warcs = demo_input.web_input(tmp_path / "input", said.append)
    assert len(warcs) == len(PACKAGES) and all(warc.exists() for warc in warcs)
    assert all("2 pages" in line for line in said)
    registry.clear()
    assert demo_input.web_input(tmp_path / "input", said.append) == warcs


def test_what_the_registry_gave_is_enough(registry, tmp_path):
    registry.append(PACKAGES[0].name)
    said = []
    assert len(demo_input.web_input(tmp_path / "input", said.append)) == 1
    assert said[-1] == f"{PACKAGES[1].name} could not be had. The demo goes on without it."


def test_without_a_registry_documentation_on_the_machine_stands_in(registry, tmp_path):
    folder = tmp_path / "doc" / "Some.Manual"
    folder.mkdir(parents=True)
    for n in range(6):
        (folder / f"{n}.html").write_text("<p>manual</p>")
    said = []
    (warc,) = demo_input.web_input(tmp_path / "input", said.append)
    assert warc.name == "local-some-manual.warc.gz"
    assert "Documentation on this machine stands in." in said[0]
    assert "http://some-manual.localhost/" in said[1]


def test_without_any_page_the_demo_goes_on_with_code(registry, tmp_path):
    said = []
    assert demo_input.web_input(tmp_path / "input", said.append) == ()
    assert said[-1].endswith("the demo goes on with code alone.")


def test_packages_and_the_standard_library_are_repositories(registry, tmp_path):
    package = tmp_path / "site-packages" / "real"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("x = 1\n")
    said = []
    patterns = demo_input.code_input(tmp_path / "input [1]", said.append)
    found = [path for pattern in patterns for path in sorted(glob.glob(pattern))]
    assert found == [str(package), str(tmp_path / "input [1]" / "code" / "cpython")]
    assert "1 installed packages and the standard library" in said[-1]
    assert demo_input.code_input(tmp_path / "input [1]", said.append) == patterns
