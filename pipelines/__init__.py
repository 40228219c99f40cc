"""The Beam jobs: wiring, input and output, runner options. No rule about text or code lives here."""
