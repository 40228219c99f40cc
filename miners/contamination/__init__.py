"""Evaluation texts in training pairs: which strings of a benchmark are looked for, where they stand, and what counts.

In: records of evaluation files, and the shingle sets of pairs' sides. Out: matches as arrays. Plain functions without
I/O or Beam; the dedupe job acts on what they say.
"""

from miners.contamination.commonplace import spared_items
from miners.contamination.index import ContaminationRules, EvaluationIndex, Matches, build_index
from miners.contamination.records import EvaluationRecord, evaluation_record, repository_name

__all__ = [
    "ContaminationRules",
    "EvaluationIndex",
    "EvaluationRecord",
    "Matches",
    "build_index",
    "evaluation_record",
    "repository_name",
    "spared_items",
]
