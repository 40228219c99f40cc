"""What the last step checks of the files before a manifest names them, on this machine and elsewhere."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.finish import check_footers
from schemas.ledger import LedgerError
from schemas.pair_set import read_manifest


@pytest.fixture(params=["here", "elsewhere"])
def written(request, make_pair_set, strict_storage, tmp_path):
    """The address of a set of 40 files, and its files."""
    folder = make_pair_set(80, files=40)
    files = read_manifest(folder).files
    if request.param == "here":
        return str(folder), files
    shutil.move(folder, tmp_path / "strict" / "set")
    return strict_storage("set"), files


def test_footers_state_what_was_written(written):
    folder, files = written
    check_footers(folder, files)
    wrong = [*files[:33], replace(files[33], rows=3), *files[34:]]
    with pytest.raises(LedgerError, match=f"{Path(files[33].path).name} holds 2 rows where 3 were written"):
        check_footers(folder, wrong)
    with pytest.raises(OSError, match="gone"):
        check_footers(folder, [*files, replace(files[0], path="data/gone.parquet")])
