"""Keys, tokens and passwords in text and code, found by detect-secrets' rules, and placeholders in their stead."""

from miners.secrets.search import Secret, find_secrets, may_hold_secrets, redact

__all__ = ["Secret", "find_secrets", "may_hold_secrets", "redact"]
