"""Write a trained model as a SavedModel for TensorFlow Serving.

    python tools/export_saved_model.py --train_dir=table/rows/wavegan_ps2 --out=models/wavegan
    sh models/serve.sh

Writes models/wavegan/VERSION, the next free version, and beside the folder models.config,
batching.config and serve.sh, which starts TensorFlow Serving in Docker for all models there. A
running server takes up a new version by itself. The trained directory is one that training wrote,
or the row of a paper table that holds one in train/.
"""

import os
import time

from absl import flags

from tfwave import cli
from tfwave.errors import UserError

_TRAIN_DIR = flags.DEFINE_string("train_dir", None, "Trained directory, or row.", required=True)
_OUT = flags.DEFINE_string(
    "out",
    None,
    "Folder of the model's versions, such as models/NAME; NAME is what requests say.",
    required=True,
)
_WHICH = flags.DEFINE_enum(
    "which", "best", ["best", "latest"], "Weights: those of the best score, or the newest."
)
_XLA = flags.DEFINE_bool(
    "xla",
    False,
    "WaveNet and WaveRNN: write OUT_xla besides, whose loop is compiled; faster, but "
    "only on a server that is started with --xla_cpu_compilation_enabled.",
)


def main(argv):
    """Export the model."""
    if len(argv) > 1:
        raise UserError(f"{argv[1]!r} is not a flag; see --help")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    import tensorflow as tf
    from absl import logging

    tf.get_logger().setLevel("ERROR")
    logging.set_verbosity(logging.WARNING)

    from tfwave.serving import export
    from tfwave.training.load import find_training, load_model

    out = os.path.abspath(_OUT.value)
    model, description, step = load_model(find_training(_TRAIN_DIR.value), _WHICH.value)
    about = {"step": step, "weights": _WHICH.value, "speakers": description.get("speakers")}
    for folder, xla in [(out, False), *([(out + "_xla", True)] if _XLA.value else [])]:
        started = time.perf_counter()
        made = export.export_model(model, folder, about, xla)
        seconds = time.perf_counter() - started
        print(f"{made.path}: {made.size / 1e6:,.1f} MB in {seconds:.1f} s (weights of step {step})")
    for name, signature in made.signatures.items():
        ports = signature.interface
        takes, gives = (", ".join(map(_words, side)) for side in (ports.inputs, ports.outputs))
        print(f"  {name}: {takes} -> {gives}")
    if not made.warmed:
        print("  without warm-up requests: pip install tensorflow-serving-api")
    parent = os.path.dirname(out)
    names = export.write_server_files(parent)
    print(f"{os.path.join(parent, 'serve.sh')} serves {', '.join(names)}")


def _words(port):
    sizes = ", ".join("?" if size is None else str(size) for size in port.shape)
    return f"{port.name} {port.dtype} [{sizes}]"


if __name__ == "__main__":
    cli.run(main)
