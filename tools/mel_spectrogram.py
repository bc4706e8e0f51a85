"""Compute the mel spectrograms of recordings, in files that record how they were computed.

    python tools/mel_spectrogram.py melgan speech.wav --out_dir=mels
    python tools/mel_spectrogram.py TRAINED_DIR folder_of_speech --out_dir=mels

The first argument names a front end (tacotron2, melgan, kan_bayashi, fatchord, ...) or a trained
vocoder, whose front end is taken. Writes NAME.npz for every recording, which
tools/copy_synthesis.py and tools/generate.py --mel take.
"""

import os
import sys

import numpy as np
from absl import flags
from tqdm import tqdm

from tfwave import cli
from tfwave.errors import UserError

_OUT_DIR = flags.DEFINE_string("out_dir", None, "Folder for the .npz files.", required=True)


def main(argv):
    """Write the mel spectrograms and return the exit code."""
    if len(argv) != 3:
        raise UserError(
            "give a front end or a trained directory, and one recording or folder of recordings"
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    from tfwave.audio.files import find_recordings, load
    from tfwave.audio.mel import mel_spectrogram
    from tfwave.audio.mel_files import SUFFIX, write_mel

    config = front_end(argv[1])
    sources, failed = find_recordings(argv[2]), 0
    for path, stem in tqdm(sources, unit="recording", disable=None):
        try:
            waveform = load(path, config.sample_rate, 1)[np.newaxis, :, 0]
            if waveform.shape[1] < config.n_fft:
                raise UserError(f"{path}: shorter than a frame of the mel spectrogram")
            features = mel_spectrogram(waveform, config)[0].numpy()
        except (OSError, UserError) as error:
            print(f"mel_spectrogram.py: {cli.about(path, error)}", file=sys.stderr)
            failed += 1
            continue
        write_mel(os.path.join(_OUT_DIR.value, stem + SUFFIX), features, config)
    print(f"{_OUT_DIR.value}: {len(sources) - failed} mel spectrograms written")
    return 1 if failed else 0


def front_end(name):
    """Return the MelConfig of a recipe or of a trained vocoder.

    Raises:
      UserError: `name` is neither.
    """
    from tfwave.audio.mel import RECIPES
    from tfwave.training.directory import read_description
    from tfwave.training.load import find_training, front_end

    if name in RECIPES:
        return RECIPES[name]
    if not os.path.isdir(name):
        raise UserError(f"{name} is neither a trained directory nor one of {', '.join(RECIPES)}")
    config = front_end(read_description(find_training(name)))
    if config is None:
        raise UserError(f"{name}: the model that was trained there takes no mel spectrogram")
    return config


if __name__ == "__main__":
    cli.run(main)
