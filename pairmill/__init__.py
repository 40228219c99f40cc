"""The console command only."""

__version__ = "0.1.0"
