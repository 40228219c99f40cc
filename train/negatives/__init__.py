"""Choosing hard negatives: the keys that tell known answers, exact search in blocks, the choice, the result."""
