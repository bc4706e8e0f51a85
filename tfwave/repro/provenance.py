"""The provenance of results: git revision, package versions and the kind of machine."""

import importlib.metadata
import os
import pathlib
import platform
import subprocess
import sys
import time

import tfwave

# Without them some measures have no value; recorded for `installed_since`.
MEASURING = ("pyworld", "pesq", "pystoi")
_PACKAGES = (
    "tensorflow",
    "keras",
    "numpy",
    "scipy",
    "soundfile",
    "soxr",
    "espeakng-loader",
    "matplotlib",
    *MEASURING,
)
_MISSING = "not installed"


def collect():
    """Return git revision, package versions, kind of machine (no host name) and the time now."""
    return {
        "git": git_revision(),
        "tfwave": tfwave.__version__,
        "packages": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} logical cores",
        "gpus": _gpus(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def installed_since(result, packages):
    """Return whether one of `packages`, missing when a result was made, is installed now.

    Args:
      result: dict with the "provenance" that `collect` returned at that time.
      packages: names, of `MEASURING`.
    """
    then = result["provenance"]["packages"]
    return any(
        then.get(name, _MISSING) == _MISSING and _version(name) != _MISSING for name in packages
    )


def git_revision():
    """Return {'revision', 'dirty'} of the checkout this module runs from.

    Both are "unknown" when the module is not a tracked file of a git work tree, for example in an
    installed package.
    """
    here = pathlib.Path(__file__)

    def git(*arguments):
        return subprocess.run(
            ["git", "-C", str(here.parent), *arguments],
            capture_output=True,
            check=True,
            text=True,
            timeout=20,
        ).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", here.name)
        status = git("status", "--porcelain", "--untracked-files=no")
        return {"revision": git("rev-parse", "HEAD"), "dirty": bool(status)}
    except (OSError, subprocess.SubprocessError):
        return {"revision": "unknown", "dirty": "unknown"}


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return _MISSING


def _gpus():
    """Return the names of the GPUs TensorFlow sees, without starting TensorFlow for it."""
    tf = sys.modules.get("tensorflow")
    if tf is None:
        return []
    devices = tf.config.list_physical_devices("GPU")
    return [
        tf.config.experimental.get_device_details(device).get("device_name", "GPU")
        for device in devices
    ]
