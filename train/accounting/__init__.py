"""What every step of a run cost and gave: figures for JSON Lines, TensorBoard and curves, fetched without a wait."""
