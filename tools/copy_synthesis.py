"""Run recordings through a trained vocoder: a wav in, the vocoder's wav out.

    python tools/copy_synthesis.py melgan_table3/rows/melgan speech.wav --out_dir=copies
    python tools/copy_synthesis.py TRAINED_DIR folder_of_speech --out_dir=copies
    python tools/copy_synthesis.py TRAINED_DIR speech.npz --out_dir=copies

Writes for every recording NAME.recording.wav, NAME.vocoder.wav and NAME.griffin_lim.wav, all at the
rate of the model, and prints how close the vocoder and Griffin-Lim came to the recording. A mel
spectrogram, .npz of tools/mel_spectrogram.py, takes the place of a recording; one of another front
end than the model's is refused.
"""

import inspect
import os
import pathlib
import sys

import numpy as np
from absl import flags
from tqdm import tqdm

from tfwave import cli
from tfwave.errors import UserError

_OUT_DIR = flags.DEFINE_string("out_dir", None, "Folder for the wav files.", required=True)
_WHICH = flags.DEFINE_enum(
    "which", "best", ["best", "latest"], "Weights: those of the best score, or the newest."
)
_ITERATIONS = flags.DEFINE_integer(
    "iterations", 32, "Of the fast Griffin-Lim beside the vocoder.", lower_bound=0
)
_SECONDS = flags.DEFINE_float("seconds", 30.0, "Most that is taken of a recording.")
_DENOISE = flags.DEFINE_float(
    "denoise", 0.0, "WaveGlow: strength of the authors' denoiser, such as 0.1; 0 for none.", 0.0
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of draws and initial phases.", lower_bound=0)

_SHOWN = ("log_spectral_distance", "mel_cepstral_distortion", "pesq", "stoi")


def main(argv):
    """Copy the recordings and return the exit code."""
    if len(argv) != 3:
        raise UserError(
            "give one trained directory, and one recording, mel spectrogram or folder of recordings"
        )
    if not _SECONDS.value > 0:
        raise UserError(f"--seconds must be above 0, not {_SECONDS.value:g}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    from tfwave.audio.files import find_recordings, load, write_wav
    from tfwave.audio.mel import mel_spectrogram
    from tfwave.audio.mel_files import SUFFIX, read_mel
    from tfwave.audio.mel_inversion import mel_to_waveform
    from tfwave.metrics.vocoder import measure
    from tfwave.training.load import find_training, load_model

    model, _, step = load_model(find_training(argv[1]), _WHICH.value)
    if model.kind != "mel":
        raise UserError(f"{argv[1]}: {type(model).__name__} is no vocoder of mel spectrograms")
    config, kwargs = model.mel, {}
    if _DENOISE.value:
        if "denoise" not in inspect.signature(model.generate).parameters:
            raise UserError(f"--denoise: {type(model).__name__} has no denoiser")
        kwargs["denoise"] = _DENOISE.value
    sources = find_recordings(argv[2])
    most = int(_SECONDS.value * config.sample_rate) // config.hop_length
    failed, out_dir = 0, pathlib.Path(_OUT_DIR.value)
    out_dir.mkdir(parents=True, exist_ok=True)
    for path, stem in tqdm(sources, unit="recording", disable=None):
        try:
            if path.endswith(SUFFIX):
                given = {}
                features = read_mel(path, config)[np.newaxis, :most]
            else:
                recording = load(path, config.sample_rate, 1)[:, 0]
                samples = min(len(recording) // config.hop_length, most) * config.hop_length
                recording = recording[:samples]
                if len(recording) < config.n_fft:
                    raise UserError(f"{path}: shorter than a frame of the mel spectrogram")
                given = {"recording": recording}
                features = mel_spectrogram(recording[np.newaxis], config)
            made = {
                "vocoder": model.generate(features, seed=_SEED.value, **kwargs)[0, :, 0].numpy(),
                "griffin_lim": mel_to_waveform(
                    features, config, _ITERATIONS.value, seed=_SEED.value
                )[0].numpy(),
            }
        except (OSError, UserError) as error:
            print(f"copy_synthesis.py: {cli.about(path, error)}", file=sys.stderr)
            failed += 1
            continue
        for name, waveform in {**given, **made}.items():
            clip = np.clip(waveform, -1, 1)[:, np.newaxis]
            write_wav(out_dir / f"{stem}.{name}.wav", clip, config.sample_rate)
        for name, waveform in made.items() if given else ():
            shorter = min(len(waveform), len(recording))
            found = measure(
                recording[:shorter], np.clip(waveform[:shorter], -1, 1), config.sample_rate
            )
            numbers = ", ".join(
                f"{key.replace('_', ' ')} {found[key]:.2f}" for key in _SHOWN if found[key]
            )
            print(f"{os.path.basename(path)}, {name.replace('_', '-')}: {numbers}")
    print(f"{out_dir}: {len(sources) - failed} recordings copied (weights of step {step})")
    return 1 if failed else 0


if __name__ == "__main__":
    cli.run(main)
