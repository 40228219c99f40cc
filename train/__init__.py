"""The trainer and the evaluator: they read pair sets, and know neither Beam nor the pipelines."""
