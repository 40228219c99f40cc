"""The house rules: who may import whom, what mining and training must not need, and names that would shadow others."""

import ast
import re
import runpy
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("schemas", "miners", "pipelines", "train", "pairmill")
MAY_IMPORT = {
    "schemas": {"schemas"},
    "miners": {"miners", "schemas"},
    "pipelines": {"pipelines", "miners", "schemas"},
    "train": {"train", "schemas", "miners"},
    "pairmill": set(ROOMS),
}
FORBIDDEN = {
    "schemas": {"apache_beam", "torch", "transformers"},
    "miners": {"apache_beam", "torch", "transformers"},
    "pipelines": {"torch", "transformers", "sentence_transformers"},
    "train": {"apache_beam"},
    "pairmill": set(),
}
NAMED_BY_THE_CONTRACT = {"miners.code", "miners.secrets"}
OTHER_PACKAGES = {
    *(
        "apache_beam",
        "bm25s",
        "datasets",
        "datasketch",
        "evaluate",
        "fastwarc",
        "jinja2",
        "numpy",
        "pyarrow",
        "py3langid",
    ),
    *(
        "regex",
        "requests",
        "resiliparse",
        "rich",
        "safetensors",
        "scipy",
        "sentence_transformers",
        "sentencex",
        "torch",
    ),
    *("py3langid", "tokenizers", "torch", "transformers", "tree_sitter", "warc", "warcio", "xxhash", "yaml"),
}

TORCH_NEEDS = {"filelock", "fsspec", "jinja2", "markupsafe", "mpmath", "networkx", "sympy", "typing-extensions"}


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_one_way(room):
    assert modules(room)
    for path in modules(room):
        for name in imports(path):
            top = name.split(".")[0]
            assert top not in ROOMS or top in MAY_IMPORT[room], f"{path} imports {name}"
            assert top not in FORBIDDEN[room], f"{path} imports {name}"
            if room == "train" and top == "miners" and name != "miners":
                assert name.startswith("miners.near_duplicates"), f"{path} imports {name}"


def test_no_module_shadows_another():
    installed = {*sys.stdlib_module_names, *OTHER_PACKAGES}
    entry_points = {"train.evaluate"}  # train/ never stands on the path: see the test of scripts below
    for room in ROOMS:
        for path in modules(room):
            name = path.parent.name if path.name == "__init__.py" else path.stem
            dotted = ".".join(
                (path.parent if path.name == "__init__.py" else path.with_suffix("")).relative_to(ROOT).parts
            )
            if name.startswith("__") or dotted in NAMED_BY_THE_CONTRACT | entry_points | set(ROOMS):
                continue
            assert name not in installed, f"{path} bears the name of another package"
            assert name not in ROOMS or dotted in ROOMS, f"{path} bears the name of a room"


def loaded_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after running `code`."""
    script = f"import sys\n{code}\nprint(' '.join({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_mining_needs_no_torch():
    loaded = loaded_after("import pipelines.mine_web, pipelines.mine_code, pipelines.dedupe, pipelines.audit")
    assert "apache_beam" in loaded and not loaded & {"torch", "transformers"}


def test_training_needs_no_beam():
    loaded = loaded_after("import train.run, train.evaluate")
    assert "torch" in loaded and "apache_beam" not in loaded and "pipelines" not in loaded


def test_the_command_imports_nothing_until_it_is_asked():
    loaded = loaded_after("import pairmill.cli")
    assert not loaded & {"apache_beam", "torch", "pyarrow"}


@pytest.mark.parametrize("script", ["run.py", "evaluate.py", "hard_negatives.py"])
def test_train_scripts_work_from_any_folder_without_an_install(script, tmp_path):
    """-S -E keep an editable install and PYTHONPATH out; site-packages come in by name, behind everything else."""
    packages = [path for path in sys.path if path.endswith("site-packages")]
    code = (
        f"import sys, runpy; sys.path[0] = {str(ROOT / 'train')!r}; sys.path += {packages!r}; "
        f"sys.argv = ['x', '--help']; runpy.run_path({str(ROOT / 'train' / script)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-S", "-E", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout.lower()


def test_the_version_stands_in_one_place_each():
    from schemas.manifest import CODE_VERSION

    assert f'version="{CODE_VERSION}"' in (ROOT / "setup.py").read_text()


def locked() -> dict[str, str]:
    """The versions in requirements.lock by name, and torch's; every line of the lock has hashes."""
    text = (ROOT / "requirements.lock").read_text()
    pins = re.findall(
        r"^([\w.-]+)(?:\[[^\]]*\])?==([^ ]+) ;[^\n]*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE
    )
    assert len(pins) == len(re.findall(r"^\w", text, re.MULTILINE)) > 100
    assert "torch" not in dict(pins)
    torch = re.findall(r"^(torch)==(.+)$", (ROOT / "requirements-torch.txt").read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in [*pins, *torch]}


def asked_of_setup(extras: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What setup.py asks for, with these extras."""
    given = {}
    monkeypatch.setattr("setuptools.setup", given.update)
    runpy.run_path(str(ROOT / "setup.py"))
    return given["install_requires"] + [line for extra in extras for line in given["extras_require"][extra]]


def test_the_lock_is_what_setup_asks_for_and_nothing_is_left_to_chance(monkeypatch):
    """`make lock` mends it: each requirement, and each requirement of those, is pinned to a version that fits."""
    pins = locked()
    extras = re.search(r"^EXTRAS := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    waiting = [Requirement(line) for line in asked_of_setup(extras[1].split(), monkeypatch)]
    seen = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        assert name in pins and pins[name] in wanted.specifier, f"{wanted} is not what requirements.lock holds"
        if (name, frozenset(wanted.extras)) in seen or name == "torch":
            continue
        seen.add((name, frozenset(wanted.extras)))
        for line in distribution(name).requires or ():
            below = Requirement(line)
            if below.marker is None or any(below.marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras)):
                waiting.append(below)
    assert {name for name, _ in seen} >= set(pins) - {"torch", "setuptools", *TORCH_NEEDS}


def test_the_lock_names_no_index():
    for name in ("requirements.lock", "requirements-torch.txt", "requirements-dataflow.txt"):
        text = (ROOT / name).read_text()
        assert "://" not in text and "--index" not in text and "--find-links" not in text, name
