"""Two training runs with their results, as `pairmill train` and `pairmill evaluate --output` write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from train.recipe_file import make_recipe
from train.run_folder import RunFolder

HOSTILE = "</script><script>window.hostile = 1</script><img src=x onerror='window.hostile = 1'>"


def score(value: float, spread: float = 0.02) -> dict[str, float | None]:
    ends = {"low": value - spread, "high": value + spread} if spread else {"low": None, "high": None}
    return {"value": value, **ends, "group_low": None, "group_high": None}


def row(system: str, value: float, **more: Any) -> dict[str, Any]:
    return {
        "task": "retrieval",
        "data": "nq",
        "protocol": "beir test",
        "part": "all",
        "texts": "as written",
        "system": system,
        "items": 1200,
        "leaked": "kept",
        "published": None,
        "scores": {"ndcg@10": score(value), "mrr@10": score(value / 2)},
        **more,
    }


def write_run(folder: Path, batch: int, steps: int = 1200, **recipe: Any) -> None:
    run = RunFolder(folder)
    run.model.mkdir(parents=True)
    run.recipe.write_text(make_recipe({"encoder": "static", "batch": batch, **recipe}).to_yaml())
    for step in range(steps):
        run.add_metrics({"step": step, "loss": 8 / (1 + step / 100), "temperature": 0.05, "tokens_per_second": 1e5})
        if step % 300 == 299:
            run.add_metrics({"step": step, "eval": {"mrr": step / 2000, "mrr_by_source": {"a": 0.1}}})


def write_result(path: Path, model: str, rows: list[dict[str, Any]], notes: tuple[str, ...] = ()) -> None:
    path.write_text(json.dumps({"model": model, "rows": rows, "notes": notes}))


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs that differ in their batch, their results, and a published row; a name is hostile."""
    root = tmp_path_factory.mktemp("studies")
    for batch, value in ((256, 0.31), (2048, 0.44)):
        folder = root / f"batch-{batch}"
        write_run(folder, batch)
        (folder / "tokenizer.json").write_text('{"version": "1.0", "model": {}}')
        rows = [
            row("model", value),
            row("bm25", 0.4),
            row(
                "cpt-text S",
                0.45,
                published="cpt-text, table 5",
                items=0,
                scores={"ndcg@10": score(0.45, 0), "mrr@10": score(0.3, 0)},
            ),
            row("model", value + 0.1, protocol="csn-1k", data="code", task="code-search", scores={"mrr": score(value)}),
        ]
        write_result(folder / "scores.json", str(folder / "model"), rows, (f"a note {HOSTILE}",))
    write_result(root / "other.json", f"org/{HOSTILE}", [row("model", 0.2)])
    return root
