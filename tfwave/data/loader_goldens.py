"""Golden vectors of the WaveGAN authors' data loader: files in, slices out."""

import os
import tempfile

import numpy as np
import soundfile

from tfwave.data.slices import SliceConfig, read_slices, slice_table
from tfwave.data.store import build_store
from tfwave.goldens import Check

_RATE = 16000


def check_loader(golden):
    """Cut the files of a golden case with tfwave's loader and compare with the authors' slices.

    Args:
      golden: case with `.inputs` (`wav_NN`: int16 range as int32, or float32, `[frames]` or
        `[frames, channels]`), `.outputs` (setting -> float32 `[slices, slice_len, channels]`) and
        `.cfg` (dict with `confs`, `slice_len` and `random_offset`).

    Returns:
      List of (setting, worst absolute error, tolerance); an infinite error where shapes differ.
    """
    results = []
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name in sorted(golden.inputs):
            paths.append(os.path.join(folder, name + ".wav"))
            _write(paths[-1], golden.inputs[name])
        for name, wanted in sorted(golden.outputs.items()):
            got = _slices(paths, folder, golden.cfg, golden.cfg["confs"][name])
            error = float("inf")
            if got.shape == wanted.shape:
                error = float(np.max(np.abs(got - wanted), initial=0.0))
            results.append((name, error, 0.0))
    return results


def _write(path, content):
    if content.dtype == np.int32:
        soundfile.write(path, content.astype(np.int16), _RATE, subtype="PCM_16")
    else:
        soundfile.write(path, content, _RATE, subtype="FLOAT")


def _slices(paths, folder, cfg, conf):
    """Cut files by one of the authors' settings; settings left out have their defaults."""
    store = build_store(
        paths,
        os.path.join(folder, "cache"),
        _RATE,
        channels=conf.get("decode_num_channels", 1),
        normalize=conf.get("decode_normalize", True),
        progress=False,
    )
    config = SliceConfig(
        slice_len=cfg["slice_len"],
        first_slice=conf.get("slice_first_only", False),
        overlap=conf.get("slice_overlap_ratio", 0.0),
        pad_end=conf.get("slice_pad_end", False),
        random_offset=conf.get("slice_randomize_offset", False),
    )
    offset = cfg["random_offset"] if config.random_offset else None
    table = slice_table(store.lengths, config, seed=0, epoch=0, offset=offset)
    return read_slices(store, table, config.slice_len)


CHECKS = (Check(run=check_loader, function="loader.decode_extract_and_batch"),)
