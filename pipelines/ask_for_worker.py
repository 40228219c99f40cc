"""The command that Beam starts a local worker by: asks the source beside us for a fork, and ends as that ends.

It is run as a file, without site packages, in some milliseconds. Where no source answers, it becomes the worker itself.
"""

import json
import os
import signal
import socket
import sys

WORKER = "apache_beam.runners.worker.sdk_worker_main"
_BY_SIGNAL = 128
"""Added to the number of the signal that ended a process, as a shell does."""


def main(place: str) -> int:
    """`place` is the source's socket; the exit status is the worker's, 1 where the source died.

    Whoever ends us ends the worker: the source sees that our end of the connection is closed.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with socket.socket(socket.AF_UNIX) as source:
        try:
            source.connect(place)
            source.sendall(json.dumps(dict(os.environ)).encode() + b"\n")
        except OSError:
            os.execv(sys.executable, [sys.executable, "-m", WORKER])
        status = int(source.recv(16) or 1)
    return status if status >= 0 else _BY_SIGNAL - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
