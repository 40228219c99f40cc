"""Mining pairs of documentation and code: source files in, functions and pairs out."""

from miners.code.extract import Function, ParseTimeoutError, declarations, functions
from miners.code.language import LANGUAGES

__all__ = ["LANGUAGES", "Function", "ParseTimeoutError", "declarations", "functions"]
