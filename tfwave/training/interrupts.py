"""Ctrl-C and SIGTERM: finish the step, save, leave."""

import contextlib
import os
import signal
import threading


class Interrupted(Exception):
    """A stop of a run by a signal, after its state was saved.

    Attributes:
      signum: number of the signal.
      exit_code: exit code for a script, 128 + signum (130 for Ctrl-C, 143 for SIGTERM).
    """

    def __init__(self, message, signum):
        super().__init__(message)
        self.signum = signum
        self.exit_code = 128 + signum


class StopRequest:
    """A request to stop: `signum` is the number of the signal received, or 0."""

    def __init__(self):
        self.signum = 0


@contextlib.contextmanager
def stop_on_signals():
    """Yield a `StopRequest` that SIGINT and SIGTERM set; restore the old handlers afterwards.

    A second signal of either kind has its usual effect, so that an impatient user can always quit;
    the data on disk are safe then as well. Outside the main thread, where Python allows no
    handlers, the request is simply never set.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    old = {}

    def handle(signum, frame):
        del frame
        request.signum = signum
        for number, handler in old.items():
            signal.signal(number, handler)
        # Not print: the signal may have come in the middle of one.
        os.write(2, b"\nstopping after this step to save (once more to stop at once)\n")

    for number in (signal.SIGINT, signal.SIGTERM):
        old[number] = signal.getsignal(number)
        # A handler that was not installed from Python reads as None and cannot be put back.
        if old[number] is None:
            del old[number]
        else:
            signal.signal(number, handle)
    try:
        yield request
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
