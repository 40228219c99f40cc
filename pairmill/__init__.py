"""The console command only."""

from schemas.manifest import CODE_VERSION as __version__

__all__ = ["__version__"]
