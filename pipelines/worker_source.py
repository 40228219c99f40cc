"""A process that copies itself: it loads what a job's workers need, and each copy becomes one of them.

It has no threads and no connection of gRPC's, so that a copy is whole. It ends when the job closes its standard input,
or dies, and its copies have ended.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from apache_beam.internal import pickler
from apache_beam.runners.worker import sdk_worker_main

_STDIN = 0


def main(listening: int, needs: str) -> None:
    """`listening` is the descriptor of the socket at which `pipelines.ask_for_worker` asks, `needs` a file.

    The file holds a pickle: the names of modules to import, and a function to call or None.
    """
    _load(needs)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the job and its workers
    with socket.socket(fileno=listening) as listener:
        environment = _copy_on_request(listener)
    if environment is not None:
        _become_worker(environment)


def _load(needs: str) -> None:
    """What fails here will fail in a worker too, and that can say so to the job."""
    try:
        modules, prepare = pickler.loads(Path(needs).read_bytes())
        for name in modules:
            importlib.import_module(name)
        if prepare is not None:
            prepare()
    except Exception:
        traceback.print_exc()
    gc.collect()
    gc.freeze()  # a collection in a copy would write to, and so copy, every page that has an object


def _copy_on_request(listener: socket.socket) -> dict[str, str] | None:
    """Returns in each copy with the environment that was asked for; in the source at the end, with None."""
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    asking: dict[int, socket.socket] = {}
    with woken, waker, selectors.DefaultSelector() as events:
        for file in (listener, _STDIN, woken):
            events.register(file, selectors.EVENT_READ)
        is_wanted = True
        while is_wanted or asking:
            for event, _ in events.select():
                if event.fileobj == _STDIN:
                    is_wanted = False
                    events.unregister(_STDIN)
                    events.unregister(listener)
                elif event.fileobj is woken:
                    woken.recv(1)
                    _tell_ended(asking, events)
                elif event.data in asking:  # the client was killed: nobody waits for its copy any more
                    os.kill(event.data, signal.SIGTERM)
                    events.unregister(event.fileobj)
                elif event.fileobj is listener and is_wanted:
                    client, _ = listener.accept()
                    with client.makefile("rb") as request:
                        environment = json.loads(request.readline() or b"{}")
                    copy = os.fork()
                    if copy == 0:
                        return environment
                    asking[copy] = client
                    events.register(client, selectors.EVENT_READ, copy)
    return None


def _tell_ended(asking: dict[int, socket.socket], events: selectors.BaseSelector) -> None:
    """Give the exit status of each copy that has ended to the client that asked for it."""
    for copy in list(asking):
        ended, status = os.waitpid(copy, os.WNOHANG)
        if ended:
            with asking.pop(copy) as client:
                if client in events.get_map():
                    events.unregister(client)
                    with contextlib.suppress(OSError):  # killed in this moment
                        client.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def _become_worker(environment: dict[str, str]) -> NoReturn:
    """Do as `python -m apache_beam.runners.worker.sdk_worker_main` does in this environment.

    In the end nothing that was loaded is taken apart, as in multiprocessing's processes: that would copy its pages.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), _STDIN)
    os.environ.clear()
    os.environ.update(environment)
    status = 1
    try:
        sdk_worker_main.main([])
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
