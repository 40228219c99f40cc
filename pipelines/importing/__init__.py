"""The passes of import, and the files they read; `pipelines.import_pairs` puts them together."""
