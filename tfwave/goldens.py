"""Golden vectors: arrays computed by the authors' code, which tfwave has to reproduce.

A golden case is an .npz file with `in/<name>` inputs, `w/<variable>` weights, `out/<name>` results
and `cfg`, a JSON text. A check takes a case and returns (name, worst absolute error, tolerance)
for each array that it compares.

The checks of a subject stand beside it, in a module named `goldens`, `goldens_*` or `*_goldens`
that declares them as `CHECKS`, a tuple of `Check`. `find_check` finds these modules by their names.
"""

import dataclasses
import functools
import importlib
import json
import os
import pkgutil
import zipfile
from collections.abc import Callable

import numpy as np

import tfwave
from tfwave.errors import UserError


@dataclasses.dataclass(frozen=True)
class Golden:
    """One golden case.

    Attributes:
      name: file name without .npz.
      inputs, weights, outputs: {name without its prefix: array}.
      cfg: settings; `function` names the function of the authors' code.
    """

    name: str
    inputs: dict
    weights: dict
    outputs: dict
    cfg: dict


def read_golden(path: str | os.PathLike) -> Golden:
    """Read a golden case.

    Raises:
      UserError: not such a file; names it.
    """
    try:
        with np.load(path) as arrays:
            content = {name: arrays[name] for name in arrays.files}
        cfg = json.loads(str(content.pop("cfg")))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not a golden case ({error})") from error
    inputs, weights, outputs = (
        {name[len(prefix) :]: array for name, array in content.items() if name.startswith(prefix)}
        for prefix in ("in/", "w/", "out/")
    )
    name = os.path.splitext(os.path.basename(path))[0]
    return Golden(name, inputs, weights, outputs, cfg)


@dataclasses.dataclass(frozen=True)
class Check:
    """The comparison of one kind of golden case, and what identifies such cases.

    Attributes:
      run: function of a Golden that returns (name, worst error, tolerance) of each array compared.
        It raises ValueError for a case that cannot be computed.
      function: part of `function` in the settings of these cases; '' where they name none.
      arrays: names with prefix, such as 'w/I_mask', that together only these cases have.

    Raises:
      ValueError: neither a function nor an array identifies the cases.
    """

    run: Callable[[Golden], list[tuple[str, float, float]]]
    function: str = ""
    arrays: tuple[str, ...] = ()

    def __post_init__(self):
        if not self.function and not self.arrays:
            raise ValueError("Check needs a function or arrays that identify its cases")


def find_check(golden: Golden) -> Check:
    """Find the check of a golden case.

    The function that the settings name identifies a case; the arrays do where it names none that
    is known.

    Raises:
      UserError: no check or more than one belongs to the case.
    """
    function = golden.cfg.get("function", "")
    names = {f"in/{name}" for name in golden.inputs}
    names |= {f"w/{name}" for name in golden.weights}
    names |= {f"out/{name}" for name in golden.outputs}
    checks = all_checks()
    matches = [check for check in checks if check.function and check.function in function]
    if not matches:
        matches = [check for check in checks if check.arrays and names.issuperset(check.arrays)]
    if not matches:
        raise UserError(f"no check for what it ran, {function or 'which it does not say'!r}")
    if len(matches) > 1:
        rivals = " and ".join(check.function or ", ".join(check.arrays) for check in matches)
        raise UserError(f"more than one check for it: those of {rivals}")
    return matches[0]


@functools.cache
def all_checks() -> tuple[Check, ...]:
    """Return the checks of every module of golden checks in the package; imports them."""
    checks = []
    for module in pkgutil.walk_packages(tfwave.__path__, "tfwave."):
        name = module.name.rpartition(".")[2]
        if module.name != __name__ and (
            name == "goldens" or name.startswith("goldens_") or name.endswith("_goldens")
        ):
            checks += importlib.import_module(module.name).CHECKS
    return tuple(checks)


_TORCH_PARTS = {"v": "weight_v", "g": "weight_g", "kernel": "weight"}


def torch_array(path: str, array: np.ndarray) -> tuple[str, np.ndarray]:
    """Return the name and the layout that a golden's array had in PyTorch.

    Args:
      path: path of modules with "/", then "kernel", "v" and "g" (weight normalisation) or "bias".
      array: whose kernels are channels last: [width, channels, filters], [inputs, outputs].

    Returns:
      (name in the state dict, array).
    """
    module, _, part = path.rpartition("/")
    if part in ("kernel", "v"):
        array = array.T
    elif part == "g":
        array = array.reshape(-1, 1, 1)
    return f"{module.replace('/', '.')}.{_TORCH_PARTS.get(part, part)}", array


def torch_state_dict(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return a golden's weights as the state dict that they were; see `torch_array`.

    Folded kernels, which goldens have beside their direction and norm, are left out.
    """
    return dict(
        torch_array(path, array)
        for path, array in weights.items()
        if not (path.endswith("/kernel") and path.removesuffix("kernel") + "v" in weights)
    )


# Of the entries of a mel matrix: their last bit depends on the version of NumPy.
BASIS_TOLERANCE = 1e-12


def compare(name: str, actual, expected, tolerance: float) -> tuple[str, float, float]:
    """Return the worst absolute error of an array; infinite where shape or finiteness differ."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    if actual.shape != expected.shape or not np.isfinite(actual).all():
        return name, float("inf"), tolerance
    return name, float(np.abs(actual - expected).max(initial=0.0)), tolerance


def relative(name: str, actual, expected, tolerance: float = 2e-5) -> tuple[str, float, float]:
    """Return the worst |error| / (1 + |expected|) of an array; infinite where shapes differ."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    if actual.shape != expected.shape:
        return name, float("inf"), tolerance
    scale = 1.0 + np.abs(expected)
    return compare(name, actual / scale, expected / scale, tolerance)


def of_largest(name: str, actual, expected, tolerance: float) -> tuple[str, float, float]:
    """`compare` with a tolerance for values up to 1, and as many times that as the largest is.

    For gradients: each is a sum of terms of all sizes, whose order is free.
    """
    largest = np.abs(np.asarray(expected, np.float64)).max(initial=1.0)
    return compare(name, actual, expected, tolerance * float(largest))
