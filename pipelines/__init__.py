"""The Beam jobs: wiring, input and output, runner options. No rule about text or code lives here."""

import logging

# Beam warns on every import that Google's optional client is missing; none of our jobs uses it.
logging.getLogger().addFilter(lambda record: not record.getMessage().startswith("apitools not found"))
