"""What `--dry-run` of each job measures, and the estimate that is made of it."""
