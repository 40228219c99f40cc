from miners.audit.lineage import ancestor_figures
from schemas.ledger import Ledger
from schemas.manifest import Manifest


def mined(job: str, first: str, read: int, kept: int, reason: str, parents: tuple = ()) -> Manifest:
    ledger = Ledger(job)
    ledger.read(first, read)
    ledger.keep(first, kept)
    ledger.drop(first, reason, read - kept)
    return Manifest(job, "run", {"n": read}, 0, "0", ledger.to_json(), (), parents=parents)


def parent(manifest: Manifest, data_id: str) -> dict:
    return {**manifest.as_parent(), "data_id": data_id}


def test_ancestors_are_summed_by_job_each_once_in_the_order_of_the_jobs() -> None:
    web = parent(mined("mine-web", "record", 100, 60, "http_status"), "a")
    code = parent(mined("mine-code", "file", 50, 50, "vendored"), "b")
    more = parent(mined("mine-code", "file", 10, 5, "vendored"), "c")
    clean = parent(mined("dedupe", "exact", 30, 30, "same_pair", (web, code)), "d")
    found = ancestor_figures([clean, web, more])
    assert [(entry["job"], entry["sets"]) for entry in found] == [("mine-web", 1), ("mine-code", 2), ("dedupe", 1)]
    files = found[1]["stages"][0]
    assert (files["stage"], files["read"], files["kept"]) == ("file", 60, 55)
    assert files["dropped"] == [{"name": "vendored", "pairs": 5, "share": 5 / 60}]
    assert ancestor_figures([]) == []
