"""Print whether the trained rows of result folders load, generate, copy and export.

    python tests/conformance/check_rows.py wavegan_table1 melgan_table3 ...

Exits with 1 when anything that a row's system can do does not work.
"""

import inspect
import pathlib
import sys
import tempfile
import traceback

import numpy as np

from tfwave.serving.export import export_model
from tfwave.training.load import find_training, load_model

COLUMNS = ("loads", "generates", "copies", "exports")


def generate(model):
    """Generate a short clip and return whether it is finite; "-" of a system without sound."""
    if model.kind == "none":
        return "-"
    if model.kind == "latents":
        waveform = model.generate(2, seed=1)
    elif model.kind == "mel":
        mel = np.zeros([1, 24, model.mel.n_mels], np.float32)
        waveform = model.generate(mel, seed=1, **_conditions(model))
    else:
        waveform = model.generate(samples=64, count=2, seed=1, **_conditions(model))
    return bool(np.isfinite(waveform.numpy()).all() and waveform.shape[1])


def copy(model):
    """Copy a short recording; "-" of a system that takes no mel spectrograms."""
    if model.kind != "mel":
        return "-"
    samples = 24 * model.mel.hop_length
    recording = 0.1 * np.sin(np.arange(samples, dtype=np.float32))[np.newaxis]
    waveform = model.copy_synthesis(recording, seed=1, **_conditions(model))
    return bool(np.isfinite(waveform.numpy()).all() and waveform.shape[1])


def _conditions(model):
    kwargs = {}
    if "xla" in inspect.signature(model.generate).parameters:
        kwargs["xla"] = False
    if getattr(model.config, "speaker_channels", 0):
        kwargs["speaker"] = [0]
    conditioning = getattr(model.config, "conditioning", None)
    if model.kind == "samples" and conditioning not in (None, "none"):
        hop = getattr(conditioning, "hop_length", None) or model.config.hop_length
        channels = getattr(conditioning, "channels", None) or model.config.channels
        frames = -(-64 // hop) + 1 + 2 * model.config.frame_padding
        kwargs["features"] = np.zeros([1, frames, channels], np.float32)
    return kwargs


def check(row):
    """Check one row.

    Args:
      row: its folder, with train/ in it.

    Returns:
      {column: True, False or "-"} and the name of the system.
    """
    answers = dict.fromkeys(COLUMNS, False)
    model, _, _ = load_model(find_training(row), "best")
    answers["loads"] = True
    answers["generates"], answers["copies"] = generate(model), copy(model)
    with tempfile.TemporaryDirectory() as folder:
        answers["exports"] = bool(export_model(model, pathlib.Path(folder) / "model").signatures)
    return answers, type(model).__name__


def main(folders):
    """Check all rows of the folders and return the exit code."""
    failed = 0
    for folder in folders:
        for train in sorted(pathlib.Path(folder).glob("rows/*/train")):
            try:
                answers, system = check(train.parent)
            except Exception:
                traceback.print_exc()
                answers, system = dict.fromkeys(COLUMNS, False), "?"
            failed += False in answers.values()
            words = {True: "yes", False: "NO", "-": "-"}
            shown = "  ".join(f"{name} {words[answers[name]]:3}" for name in COLUMNS)
            print(f"{system:18} {train.parent}: {shown}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
