"""The passes of dedupe, one a file; `pipelines.dedupe` puts them together."""
