"""What several rooms' tests need: small pairs, and a pair set as a mine job leaves it."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.localfilesystem import LocalFileSystem
from hypothesis import settings

from pipelines.finish import Job, finish_pair_set
from pipelines.runs import Run
from schemas import Pair, Provenance, make_pair
from schemas.finished import file_entry, finished_manifest
from schemas.ledger import STAGES, Ledger
from schemas.manifest import config_hash
from schemas.pair import pairs_to_table
from schemas.writer import PartWriter

WriteCleanSet = Callable[..., Path]
MakePairSet = Callable[..., Path]

# The same examples on every run, so that a change is judged by what it changes; PAIRMILL_EXAMPLES=new draws new ones.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("new", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("PAIRMILL_EXAMPLES", "fixed"))

_QUICK = frozenset(("miners", "schemas"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Rooms whose tests run whole jobs come first, so that no process is left alone with one at the end."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(here).parts[0] in _QUICK)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real WARC files and pages named by PAIRMILL_SHARED_DATA; skips where there is none."""
    folder = os.environ.get("PAIRMILL_SHARED_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("PAIRMILL_SHARED_DATA names no folder of real crawl files")
    return Path(folder)


def code_pairs(count: int, *, groups: int = 10) -> list[Pair]:
    """Distinct docstring and function pairs, spread over `groups` repositories."""
    return [
        make_pair(
            kind="docstring_code",
            language="python",
            anchor=f"Return the sum of item number {i} and its neighbour {i * 7919 % 1000}.",
            positive=f"def add_{i}(a, b):\n    return a + b + {i}\n",
            place=("code", f"owner/repo{i % groups}", f"src/m{i}.py", i, i + 50),
            group=f"owner/repo{i % groups}",
            provenance=Provenance(
                repo=f"owner/repo{i % groups}", path=f"src/m{i}.py", symbol=f"add_{i}", license="MIT"
            ),
        )
        for i in range(count)
    ]


@pytest.fixture
def make_pair_set(tmp_path: Path) -> MakePairSet:
    """Writes pairs as the pair set of a mine-code run and returns its folder: `make_pair_set(pairs, files=2)`."""

    def make(
        pairs: Sequence[Pair] | int = 20,
        *,
        name: str | None = None,
        files: int = 1,
        validation: Sequence[Pair] = (),
    ) -> Path:
        rows = code_pairs(pairs) if isinstance(pairs, int) else list(pairs)
        folder = tmp_path / (name or f"set-{uuid.uuid4().hex[:8]}")
        entries = []
        parts = [("train", part, rows[part::files]) for part in range(files)] + [("validation", 0, list(validation))]
        rows = [*rows, *validation]
        for split, part, chosen in parts:
            if not chosen:
                continue
            path = folder / "data" / f"{split}-{part:016x}-00000.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                writer = PartWriter(file)
                writer.write(pairs_to_table(chosen))
                entries.append(file_entry(f"data/{path.name}", split, writer.close()))
        ledger = Ledger("mine-code")
        for stage in STAGES["mine-code"]:
            ledger.read(stage, len(rows))
            ledger.keep(stage, len(rows))
            ledger.made(stage, len(rows))
        config = {"made_by": "tests"}
        folder.mkdir(exist_ok=True)
        finish_pair_set(
            Job("mine-code", str(folder), config, 0, Run(uuid.uuid4().hex, config_hash(config))), ledger, entries
        )
        return folder

    return make


@pytest.fixture
def write_clean_set(tmp_path: Path) -> WriteCleanSet:
    """Writes pairs as a clean set, two files a split: `write_clean_set(train=pairs, test=pairs)`."""

    def write(name: str = "set", **splits: Sequence[Pair]) -> Path:
        folder, ledger, files = tmp_path / name, Ledger("dedupe"), []
        (folder / "data").mkdir(parents=True)
        for split, pairs in splits.items():
            for part in range(2):
                path = f"data/{split}-{part:05}-of-00002.parquet"
                with (folder / path).open("wb") as file:
                    writer = PartWriter(file)
                    writer.write(pairs_to_table(pairs[part::2]))
                    files.append(file_entry(path, split, writer.close()))
        rows = sum(map(len, splits.values()))
        for stage in STAGES["dedupe"]:
            ledger.read(stage, rows)
            ledger.keep(stage, rows)
            ledger.made(stage, rows)
        manifest = finished_manifest(job="dedupe", run_id="0" * 32, config={}, seed=0, ledger=ledger, files=files)
        (folder / "README.md").write_text("a set")
        (folder / "manifest.json").write_bytes(manifest.to_bytes())
        return folder

    return write


class StrictFileSystem(LocalFileSystem):
    """`strict://…`: a local folder behind a scheme, whose rename refuses to overwrite, as HDFS may."""

    root = ""

    @classmethod
    def scheme(cls):
        return "strict"

    @classmethod
    def local(cls, path: str) -> str:
        return path.replace("strict://", cls.root + "/", 1)

    def match(self, patterns, limits=None):
        results = super().match([self.local(pattern) for pattern in patterns], limits)
        for pattern, result in zip(patterns, results, strict=True):
            result.pattern = pattern
            for metadata in result.metadata_list:
                metadata.path = metadata.path.replace(self.root + "/", "strict://", 1)
        return results

    def create(self, path, *args, **kwargs):
        return super().create(self.local(path), *args, **kwargs)

    def open(self, path, *args, **kwargs):
        return super().open(self.local(path), *args, **kwargs)

    def exists(self, path):
        return super().exists(self.local(path))

    def rename(self, source_file_names, destination_file_names):
        for source, destination in zip(source_file_names, destination_file_names, strict=True):
            if os.path.exists(self.local(destination)):
                raise BeamIOError("Rename operation failed", {(source, destination): FileExistsError(destination)})
            os.makedirs(os.path.dirname(self.local(destination)), exist_ok=True)
            os.rename(self.local(source), self.local(destination))

    def delete(self, paths):
        for path in map(self.local, paths):
            if os.path.isdir(path):
                shutil.rmtree(path)
            else:
                os.remove(path)


@pytest.fixture
def strict_storage(tmp_path: Path) -> Callable[[str], str]:
    """Gives the address of a folder on a file system that is not local and refuses to overwrite."""
    StrictFileSystem.root = str(tmp_path / "strict")
    return lambda name: f"strict://{name}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless browser of this machine, PAIRMILL_BROWSER or one that is installed; skips where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = os.environ.get("PAIRMILL_BROWSER") or next(filter(None, map(shutil.which, names)), None)
    if not path:
        pytest.skip("no Chromium is installed, and PAIRMILL_BROWSER names none")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def open_page(browser: Any) -> Iterator[Callable[[Path], Any]]:
    """`open_page(file)` opens it from disk, on a light screen, with every `requests` and `complaints` of the page."""
    contexts = []

    def opened(file: Path) -> Any:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light"))
        page = contexts[-1].new_page()
        page.requests, page.complaints = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(file.as_uri(), timeout=120_000)
        return page

    yield opened
    for context in contexts:
        context.close()
