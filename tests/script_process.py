"""Scripts in processes of their own that need not import TensorFlow again.

A server imports it once; each script runs in a fork of that server, as a user's process does from
there on. That saves some five seconds a script. The server itself must not run an operation, for
TensorFlow's threads do not survive a fork.
"""

import multiprocessing
import os
import pathlib
import runpy
import subprocess
import sys

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tensorflow", "keras"])


def run_in_fork(argv, folder, scratch, timeout):
    """Run a Python script as `python argv[0] argv[1:]` would.

    Args:
      argv: list of str, the path of the script and its arguments.
      folder: the working folder.
      scratch: a new folder for what the script prints.
      timeout: seconds after which it is killed.

    Returns:
      subprocess.CompletedProcess with text in stdout and stderr.

    Raises:
      subprocess.TimeoutExpired: it was killed.
    """
    printed = [pathlib.Path(scratch, name) for name in ("stdout", "stderr")]
    process = _PROCESSES.Process(
        target=_main, args=(argv, str(folder), dict(os.environ), *map(str, printed))
    )
    process.start()
    process.join(timeout)
    late = process.is_alive()
    if late:
        process.kill()
        process.join()
    stdout, stderr = (path.read_text(errors="replace") for path in printed)
    if late:
        raise subprocess.TimeoutExpired(argv, timeout, stdout, stderr)
    return subprocess.CompletedProcess(argv, process.exitcode, stdout, stderr)


def _main(argv, folder, environment, stdout, stderr):
    for path, descriptor in ((os.devnull, 0), (stdout, 1), (stderr, 2)):
        opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = list(argv)
    sys.path.insert(0, os.path.dirname(argv[0]))
    runpy.run_path(argv[0], run_name="__main__")
