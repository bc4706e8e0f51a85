"""Fixtures that tests of several folders share.

Tests run against this checkout: `pythonpath = .` in setup.cfg puts its root first on sys.path.
"""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

# Before the first import of TensorFlow: its notes on the CPU would fill the report of a failure.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if "PYTEST_XDIST_WORKER" in os.environ:  # processes with threads for all cores would wait in turns
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import hypothesis
import pytest
import requests
from absl import flags

from tests.script_process import run_in_fork

ROOT = pathlib.Path(__file__).resolve().parent.parent

# The first call of a tf.function traces it, which no per-example deadline survives; the same
# examples on every run make a failure repeatable.
hypothesis.settings.register_profile("tfwave", deadline=None, derandomize=True)
hypothesis.settings.load_profile("tfwave")


@pytest.fixture(scope="session")
def root():
    """The folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def goldens():
    """The folder of the golden vectors that the project ships."""
    return ROOT / "tests" / "goldens"


@pytest.fixture(scope="session")
def real_speech():
    """A folder of recorded digits beside the checkout; its absence skips the test."""
    folder = ROOT.parent / "shared" / "data" / "spoken_digits"
    if not folder.is_dir():
        pytest.skip(f"recordings are not there: {folder}")
    return folder


@pytest.fixture(scope="session")
def run_script(tmp_path_factory):
    """A function that runs a script of the checkout in a process of its own.

    Its arguments are the script's path from the root, the script's arguments, and optionally
    `timeout` in seconds and `fresh`: whether Python starts with nothing imported, as scripts that
    do without TensorFlow can. It gives the CompletedProcess with text in stdout and stderr.
    """

    def run(script, *arguments, timeout=120, fresh=False):
        argv = [str(ROOT / script), *map(str, arguments)]
        if not fresh:
            return run_in_fork(argv, ROOT, tmp_path_factory.mktemp("script"), timeout)
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        return subprocess.run(
            [sys.executable, *argv],
            capture_output=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=timeout,
        )

    return run


@pytest.fixture(scope="session")
def load_script():
    """A function that imports a script of the checkout as a module, without running it.

    Scripts may define flags of the same name, which one process refuses; the flags of the script
    are therefore removed right after the import. Call its functions with plain arguments.
    """

    def load(script):
        name = "script_" + pathlib.Path(script).stem
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, ROOT / script)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        before = set(flags.FLAGS)
        spec.loader.exec_module(module)
        for flag in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, flag)
        return module

    return load


@pytest.fixture
def tensorboard():
    """A function that starts a real TensorBoard on a folder.

    It gives a function that asks its HTTP API: of a path, and a dict to post, what came as JSON.
    """
    servers = []

    def start(folder):
        command = [
            sys.executable,
            "-m",
            "tensorboard.main",
            "--logdir",
            str(folder),
            "--port=0",
            "--load_fast=false",
            "--window_title=test",
        ]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        servers.append(server)
        lines = iter(server.stderr.readline, "")
        address = next(m for m in (re.search(r"http://localhost:\d+/", x) for x in lines) if m)[0]
        # Nobody reads on; a full pipe would stop the server.
        threading.Thread(target=server.stderr.read, daemon=True).start()

        def ask(path, post=None):
            method = "GET" if post is None else "POST"
            answer = requests.request(method, address + path, json=post, timeout=60)
            answer.raise_for_status()
            return answer.json()

        deadline = time.monotonic() + 60
        while not ask("data/runs") and time.monotonic() < deadline:
            time.sleep(0.5)
        return ask

    yield start
    for server in servers:
        server.terminate()
        server.wait(timeout=30)
