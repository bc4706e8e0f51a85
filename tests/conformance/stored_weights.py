"""Weights of every case as training stores them, written by each stack.

    python tests/conformance/stored_weights.py

writes tests/conformance/weights/KERAS/CASE for the version of Keras that is installed. Run it on
both stacks after a case was added or a format was changed. The values follow from the names.
"""

import json
import pathlib
import shutil
import zlib

import keras
import numpy as np

from tests.conformance.cases import CASES
from tfwave.training import checkpoints

FOLDER = pathlib.Path(__file__).parent / "weights"


def value(name, shape):
    """Return the value of a variable of this name in the stored weights, float32."""
    return np.random.default_rng(zlib.crc32(name.encode())).normal(size=shape).astype(np.float32)


def write(case, folder):
    """Write a training directory that holds nothing but the best weights of a case."""
    model = case.model()
    for name, variable in model.named_variables().items():
        if name != "step":
            variable.assign(value(name, variable.shape))
    model.step.assign(7)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(model.describe(), indent=1, sort_keys=True))
    checkpoints.save_best(str(folder), model, 7, 0.5)


def main():
    """Write the weights of all cases."""
    for case in CASES:
        write(case, FOLDER / f"keras{keras.__version__.split('.')[0]}" / case.name)
        print(case.name)


if __name__ == "__main__":
    main()
