"""The card of a trained model: what it is, what it was made from, and how to use it."""

from __future__ import annotations

from collections.abc import Sequence

from train.recipe import Recipe

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

## Recipe

```yaml
{recipe}```
"""


def model_card(
    recipe: Recipe,
    *,
    dimension: int,
    rows: int,
    data_ids: Sequence[str],
    steps: int,
    batch: int,
    loss: float | None,
    temperature: float,
) -> str:
    """The card's text, with the header that the Hugging Face hub reads."""
    return CARD.format(
        dimension=dimension,
        rows=rows,
        data_ids=", ".join(f"`{value}`" for value in data_ids),
        steps=steps,
        batch=batch,
        loss="not known" if loss is None else f"{loss:.4f}",
        temperature=temperature,
        recipe=recipe.to_yaml(),
    )
