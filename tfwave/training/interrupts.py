"""Ctrl-C and SIGTERM: finish the step, save, leave."""

import contextlib
import os
import signal
import threading


class Interrupted(Exception):
    """A run was asked to stop, saved its state and stopped.

    Attributes:
      signum: the signal that asked.
      exit_code: what a script should exit with, 128 + signum (130 for Ctrl-C, 143 for SIGTERM).
    """

    def __init__(self, message, signum):
        super().__init__(message)
        self.signum = signum
        self.exit_code = 128 + signum


class StopRequest:
    """Whether a signal asked to stop: `signum` is its number, or 0."""

    def __init__(self):
        self.signum = 0


@contextlib.contextmanager
def stop_on_signals():
    """Give a `StopRequest` that SIGINT and SIGTERM set, and put the old handlers back afterwards.

    The second signal of either kind acts as it would have without this, so that an impatient user
    can always leave; what is on the disk is safe then as well. Outside the main thread, where
    Python allows no handlers, the request is simply never set.
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
