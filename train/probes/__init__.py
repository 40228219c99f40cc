"""Classification on frozen embeddings: a linear probe, k nearest neighbours, and no training at all, by prompt.

`senteval` and `labelled_folder` read labelled texts, `splits` chooses a classifier's strength and tests it by
SentEval's rules, `zero_shot` compares texts with prompts, and `task` joins them to the evaluator.
"""
