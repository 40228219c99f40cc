"""What `train/evaluate.py` measures: one task a file, joined in `registry`; what all share stands beside them.

A task reads and checks its input before a model is loaded, then gives one value an item (a query, a pair, a labelled
text) and a metric. Means, intervals, the rows without leaked items, comparisons and tables are made from those values
in one place, so that no task has its own.
"""
