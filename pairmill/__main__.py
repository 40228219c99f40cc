"""`python -m pairmill`: the console command without an install."""

import sys

from pairmill.cli import main

sys.exit(main())
