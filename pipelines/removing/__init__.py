"""Taking rows out of a finished pair set: `pipelines.remove` is the command."""
