"""What docs/security.md says of the code itself: nothing that is read from data is run, or names a place outside."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("schemas", "miners", "pipelines", "train", "pairmill")
BETWEEN_OWN_PROCESSES = {
    "miners/audit/summary.py": {"pickle.loads"},
    "pipelines/auditing/near.py": {"pickle.loads"},
    "miners/code/parsing_child.py": {"marshal.loads"},
    "miners/code/parsing_process.py": {"marshal.loads"},
}
"""What one pass of a job hands to the next by way of Beam, and what parent and child say over a pipe: no files."""
RUNS_WHAT_IT_READS = {
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.load", "marshal.loads", "shelve.open"),
    *("dill.load", "dill.loads", "cloudpickle.load", "cloudpickle.loads", "joblib.load"),
    *("pandas.read_pickle", "pd.read_pickle", "yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"),
    *("eval", "exec", "os.system", "os.popen"),
}
UNPACKS = {"extractall", "extract", "unpack_archive"}


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Each call by its dotted name as it is written."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def given(call: ast.Call, name: str) -> object:
    """The constant given for a keyword; None where it is left out, ... where it is no constant."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value.value if isinstance(keyword.value, ast.Constant) else ...
    return None


MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def test_nothing_read_from_data_is_run():
    assert len(MODULES) > 150
    for path in MODULES:
        name = path.relative_to(ROOT).as_posix()
        for called, call in calls(path):
            allowed = BETWEEN_OWN_PROCESSES.get(name, set())
            assert called not in RUNS_WHAT_IT_READS - allowed, f"{name}:{call.lineno} calls {called}"
            assert not called.endswith("torch.load") or given(call, "weights_only") is True, f"{name}:{call.lineno}"
            assert given(call, "allow_pickle") in (None, False), f"{name}:{call.lineno}"
            assert given(call, "shell") in (None, False), f"{name}:{call.lineno} starts a shell"


def test_such_modules_are_imported_for_this_and_nothing_else():
    """So that `from pickle import loads` does not pass unseen."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.module not in {"pickle", "marshal", "dill", "cloudpickle", "shelve", "joblib"}, path
            if isinstance(node, ast.Import):
                assert all(
                    alias.asname is None or alias.name not in {"pickle", "marshal", "yaml"} for alias in node.names
                )


def test_no_model_brings_code_of_its_own():
    for path in MODULES:
        for called, call in calls(path):
            assert given(call, "trust_remote_code") in (None, False), f"{path}:{call.lineno} {called}"
        text = path.read_text(encoding="utf-8")
        assert text.count("trust_remote_code") == sum(
            text.count(said) for said in ("trust_remote_code=False", '"trust_remote_code": False')
        ), path


def test_archives_are_never_unpacked_by_their_own_names():
    for path in MODULES:
        for called, call in calls(path):
            last = called.rsplit(".", 1)[-1]
            is_archive = last in UNPACKS and called.split(".")[0] in {
                "tar",
                "archive",
                "zip",
                "tarfile",
                "zipfile",
                "shutil",
            }
            assert not is_archive, f"{path}:{call.lineno} unpacks an archive by the names in it"


@pytest.mark.parametrize(
    "code", ["torch.load(f)", "pickle.load(f)", "np.load(f, allow_pickle=True)", "run(x, shell=True)"]
)
def test_the_look_finds_what_it_looks_for(code, tmp_path):
    (tmp_path / "bad.py").write_text(code)
    ((called, call),) = calls(tmp_path / "bad.py")
    found = called in RUNS_WHAT_IT_READS or given(call, "allow_pickle") or given(call, "shell")
    assert found or (called.endswith("torch.load") and given(call, "weights_only") is not True)
