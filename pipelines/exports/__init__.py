"""The formats in which a pair set is handed to other tools: one file a format, and what they share."""
