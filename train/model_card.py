"""The folder of a trained model, and its card: what it is, what it was made from, and how to use it."""

from __future__ import annotations

import shutil

from train import checkpoint
from train.accounting import curves
from train.journal import Journal
from train.model_folder import CARD_NAME, add_settings
from train.run_folder import RunFolder
from train.training import Learner, Material, Result

CARD = """---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
tags:
- sentence-transformers
- feature-extraction
- pairmill
---

# Embedding model

Trained by pairmill on pairs of an anchor (a query, a docstring, an earlier passage) and a positive (what answers it).
Vectors have {dimension} dimensions and length 1; compare them by cosine.

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("path/to/this/folder")
anchors = model.encode_query(["parse an HTTP date"])
positives = model.encode_document(["def parse_date(text): ..."])
print(model.similarity(anchors, positives))
```

| | |
|---|---|
| pairs trained on | {rows:,} |
| pair sets (data_id) | {data_ids} |
| steps | {steps:,}, of {batch:,} pairs at most |
| loss of the last step | {loss} |
| temperature at the end | {temperature:.4f} |
| MRR on the validation split | {score} |
{scores}
{picture}## Recipe

```yaml
{recipe}```
"""


PICTURE = f"![loss, accuracy, temperature and learning rate over the steps]({curves.NAME})\n\n"


def write_model(
    material: Material,
    learner: Learner,
    run: RunFolder,
    origin: checkpoint.Origin,
    result: Result,
    journal: Journal,
) -> None:
    """Writes RUN/model, whole or not at all, of the weights of the checkpoint that the recipe exports.

    The journal is told why there are no curves, where there are none.
    """
    made_from = checkpoint.latest(run.checkpoints)
    if material.recipe.export == "best":
        made_from = checkpoint.best(run.checkpoints) or made_from
    steps = checkpoint.load_weights(made_from, learner) if made_from else result.steps
    encoder = learner.encoder.eval()
    temperature = 1.0 / float(learner.temperature().detach())
    part = run.root / "model.part"
    shutil.rmtree(part, ignore_errors=True)
    encoder.save(part)
    add_settings(part, {"temperature": temperature})
    score = checkpoint.score_of(made_from) if made_from else None
    if problem := curves.draw_curves(run.read_metrics(), part / curves.NAME):
        journal.note(problem)
    text = CARD.format(
        dimension=encoder.dimension,
        rows=material.plan.rows,
        data_ids=", ".join(f"`{value}`" for value in origin.data_ids),
        steps=steps,
        batch=material.plan.batch,
        loss="not known" if result.loss is None else f"{result.loss:.4f}",
        temperature=temperature,
        score="not measured in training; `pairmill evaluate` does" if score is None else f"{score:.4f}",
        scores=_scores_by_source(run, steps),
        picture=PICTURE if (part / curves.NAME).is_file() else "",
        recipe=material.recipe.to_yaml(),
    )
    (part / CARD_NAME).write_text(text, encoding="utf-8")
    shutil.rmtree(run.model, ignore_errors=True)
    part.replace(run.model)


def _scores_by_source(run: RunFolder, steps: int) -> str:
    """Lines of the card's table: what was measured after so many steps, source by source."""
    found = {}
    for line in run.read_metrics():
        if "eval" in line and line["step"] == steps - 1:
            found = line["eval"].get("mrr_by_source", {})
    return "".join(f"| … of {source} alone | {value:.4f} |\n" for source, value in found.items())
