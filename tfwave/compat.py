"""The only file that depends on the version of TensorFlow.

`pinned`: TensorFlow 2.15 with Keras 2, tensorflow-io and tensorflow-addons (Python 3.10, 3.11).
`current`: TensorFlow 2.21 with Keras 3, where the two side packages, whose projects have ended,
do not load. Everything else in tfwave is written in what both share.
"""

import pathlib

import keras
import numpy as np
import tensorflow as tf

STACK = "pinned" if keras.__version__.startswith("2.") else "current"


def default_precision() -> str:
    """Choose the number format in which training is fastest on this machine.

    Returns:
      `"mixed_bfloat16"` where matrix units multiply bfloat16 (an x86 CPU with AMX or AVX512-BF16,
      or GPUs of compute capability 8.0 and above); else `"float32"`.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capabilities = [
            tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
            for gpu in gpus
        ]
        return "mixed_bfloat16" if min(capabilities) >= (8, 0) else "float32"
    try:
        flags = set(pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return "float32"
    return "mixed_bfloat16" if flags & {"amx_bf16", "avx512_bf16"} else "float32"


def optimizer_slot(optimizer: keras.optimizers.Optimizer, slots: list, variable) -> tf.Variable:
    """Find the slot (moment, mean square) that an optimiser keeps for a variable.

    Args:
      optimizer: a built Keras optimiser.
      slots: one of its lists of slots, in the order of the variables that it was built with.
      variable: a trained variable, as `update_step` receives it.

    Returns:
      The TensorFlow variable of the slot.
    """
    if STACK == "pinned":
        return slots[optimizer._index_dict[optimizer._var_key(variable)]]
    return slots[optimizer._get_variable_index(variable)].value


def trim_silence(waveform: np.ndarray, epsilon: float) -> tuple[int, int]:
    """Find where sound begins and ends.

    On the pinned stack tensorflow-io does it, elsewhere the same rule in NumPy.

    Args:
      waveform: float32 [frames, channels] in [-1, 1].
      epsilon: a frame is sound when any channel is louder than this, 0..1.

    Returns:
      (start, stop): the frames `start:stop` hold the sound; (0, 0) when there is none.
    """
    loudest = np.abs(waveform).max(axis=1) if waveform.size else np.zeros(0, np.float32)
    loud = loudest > epsilon
    if not loud.any():
        return 0, 0
    tensorflow_io = _tensorflow_io()
    if tensorflow_io is not None:
        start, stop = tensorflow_io.audio.trim(loudest, axis=0, epsilon=epsilon).numpy()
        return int(start), int(stop)
    return int(loud.argmax()), int(len(loud) - loud[::-1].argmax())


def _tensorflow_io():
    if STACK != "pinned":
        return None
    try:
        import tensorflow_io  # pyright: ignore[reportMissingImports] on the current stack
    except (ImportError, NotImplementedError, tf.errors.NotFoundError):
        return None
    return tensorflow_io
