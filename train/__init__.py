"""The trainer and the evaluator of embedding models: contrastive training on pair sets, and retrieval scores.

`train` knows `schemas`, torch and transformers; of the miners only `miners.near_duplicates`, and never Beam.
"""
