"""The console command only."""
