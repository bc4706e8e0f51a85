"""Write wav files from a trained directory.

    python tools/generate.py runs/wavegan_table1/rows/wavegan_ps2 --count=50 --out_dir=clips
    python tools/generate.py TRAINED_DIR --interpolate=9 --seed=1 --seed_to=2 --out_dir=clips
    python tools/generate.py wavenet_table1/rows/wavenet_lf --mel=speech.wav --out_dir=clips
    python tools/generate.py TRAINED_WAVENET --prime=start.wav --seconds=3 --out_dir=clips
    python tools/generate.py TRAINED_DIR --count=50000 --shards=8 --shard=3 --out_dir=clips

TRAINED_DIR is a directory that training wrote, or the row of a paper table that holds one in
train/. Clip number i of a seed is always the same clip, however many are asked for; clips that are
already there are skipped, so that an interrupted command is repeated to finish it. With --shards
any number of processes or machines divide the clips among them, in one folder or in many.
"""

import os
import sys
import time

import numpy as np
from absl import flags
from tqdm import tqdm

from tfwave import cli
from tfwave.audio import mel, mel_files
from tfwave.audio.files import load, write_wav
from tfwave.data.corpus import speaker_number
from tfwave.models.digit_classifier.digit_classifier import DigitClassifier
from tfwave.models.wavenet.generation import stream
from tfwave.models.wavenet.wavenet import WaveNet
from tfwave.training.directory import open_directory
from tfwave.training.load import find_training, front_end_of, load_model

_OUT_DIR = flags.DEFINE_string("out_dir", None, "Folder for the wav files.", required=True)
_COUNT = flags.DEFINE_integer("count", 10, "Number of clips.", lower_bound=1)
_SHARDS = flags.DEFINE_integer("shards", 1, "Parts that --count is divided into.", lower_bound=1)
_SHARD = flags.DEFINE_integer("shard", 0, "Which part to make, from 0.", lower_bound=0)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the latents or draws.", lower_bound=0)
_WHICH = flags.DEFINE_enum(
    "which", "best", ["best", "latest"], "Weights: those of the best score, or the newest."
)
_INTERPOLATE = flags.DEFINE_integer(
    "interpolate",
    0,
    "Instead of --count clips, this many steps on the line from the first latent of --seed to "
    "that of --seed_to, one file each and all of them in one.",
    lower_bound=0,
)
_SEED_TO = flags.DEFINE_integer("seed_to", 1, "Seed where the line ends.", lower_bound=0)

_PRIME = flags.DEFINE_string("prime", None, "WaveNet: recording that the clips continue.")
_SPEAKER = flags.DEFINE_string("speaker", None, "WaveNet: name of the speaker.")
_MEL = flags.DEFINE_string(
    "mel",
    None,
    "WaveNet: recording whose mel spectrogram the clips follow, or the spectrogram itself, .npz of "
    "tools/mel_spectrogram.py or .npy of float32 [frames, bands], from the start of --prime on.",
)
_TEMPERATURE = flags.DEFINE_float("temperature", 1.0, "WaveNet: below 1 keeps to the likely.")
_SECONDS = flags.DEFINE_float(
    "seconds",
    None,
    "WaveNet: length of a clip, --prime included; by default that of --mel, or 1 after --prime.",
)

# Always whole batches of this size: the rounding of a clip must not depend on how many are made.
_BATCH = 16
_WAVENET_BATCH = 8  # clips that WaveNet makes at a time


def latent(seed, number, latent_dim):
    """Draw the latent [latent_dim] of clip `number` of a seed, uniform in [-1, 1]."""
    draws = np.random.default_rng([seed, number]).uniform(-1.0, 1.0, latent_dim)
    return draws.astype(np.float32)


def line(seed, seed_to, steps, latent_dim):
    """Space latents [steps, latent_dim] evenly between the first latents of two seeds."""
    start, end = latent(seed, 0, latent_dim), latent(seed_to, 0, latent_dim)
    weights = np.linspace(0.0, 1.0, steps, dtype=np.float32)[:, np.newaxis]
    return (1 - weights) * start + weights * end


def waveforms(model, latents):
    """Generate [count, time, channels] from latents [count, latent_dim] in batches of one size."""
    made = []
    for start in range(0, len(latents), _BATCH):
        block = latents[start : start + _BATCH]
        padded = np.zeros((_BATCH, latents.shape[1]), np.float32)
        padded[: len(block)] = block
        made.append(np.asarray(model.generate(padded))[: len(block)])
    return np.concatenate(made)


def clip_path(out_dir, seed, number):
    """Return the file of a clip."""
    return os.path.join(out_dir, f"seed{seed}_{number:06d}.wav")


def missing_blocks(out_dir, count, seed, size, shards=1, shard=0):
    """Find the clips that are not there yet.

    Args:
      out_dir: folder of the clips.
      count: clips of all shards.
      seed: of the clips.
      size: clips of a block. Blocks start at its multiples, so that a clip keeps its place in a
        batch; every shards-th block belongs to a shard.
      shards, shard: how many parts there are, and which one this is.

    Returns:
      {number of the first clip of a block: numbers of its missing clips}.
    """
    blocks = {}
    for number in range(count):
        mine = number // size % shards == shard
        if mine and not os.path.exists(clip_path(out_dir, seed, number)):
            blocks.setdefault(number - number % size, []).append(number)
    return blocks


def write_clips(model, out_dir, count, seed, shards=1, shard=0):
    """Write clips 0 .. count - 1 of a seed as seed<seed>_<number>.wav; existing ones are kept.

    Args:
      model: with latents.
      out_dir, count, seed, shards, shard: as of `missing_blocks`.

    Returns:
      The number of files written.
    """
    dim, rate = model.config.latent_dim, model.config.sample_rate
    blocks = missing_blocks(out_dir, count, seed, _BATCH, shards, shard)
    total = sum(map(len, blocks.values()))
    with tqdm(total=total, unit="clip", disable=None) as bar:
        for start, missing in blocks.items():
            latents = np.stack([latent(seed, start + i, dim) for i in range(_BATCH)])
            block = waveforms(model, latents)
            for number in missing:
                write_wav(clip_path(out_dir, seed, number), block[number - start], rate)
                bar.update()
    return total


def write_line(model, out_dir, seed, seed_to, steps):
    """Write `steps` clips between two seeds, one file each and one with all of them in a row.

    Returns:
      The number of files written.
    """
    stem = os.path.join(out_dir, f"line{seed}-{seed_to}_of{steps}")
    paths = [f"{stem}_{number:03d}.wav" for number in range(steps)] + [f"{stem}.wav"]
    missing = [path for path in paths if not os.path.exists(path)]
    if not missing:
        return 0
    clips = waveforms(model, line(seed, seed_to, steps, model.config.latent_dim))
    for path, clip in zip(paths, [*clips, np.concatenate(clips)], strict=True):
        if path in missing:
            write_wav(path, clip, model.config.sample_rate)
    return len(missing)


def continue_clips(model, description, out_dir, count, seed, shards=1, shard=0):
    """Write clips 0 .. count - 1 that a WaveNet makes; existing ones are kept.

    Args:
      model: WaveNet.
      description: of its training.
      out_dir, count, seed, shards, shard: as of `missing_blocks`.

    Returns:
      The number of files written.
    """
    config = model.config
    how, known = conditions(config, description)
    if _SECONDS.value is not None:
        total = round(_SECONDS.value * config.sample_rate)
    elif "features" in how:
        frames = how["features"].shape[1] - 2 * config.frame_padding
        total = frames * config.conditioning.hop_length
    else:
        total = len(known) + config.sample_rate
    samples = total - len(known)
    if samples < 1:
        raise ValueError(
            f"a clip of {total / config.sample_rate:g} s leaves nothing to generate after "
            f"{len(known) / config.sample_rate:g} s of --prime"
        )
    blocks = missing_blocks(out_dir, count, seed, _WAVENET_BATCH, shards, shard)
    wanted = sum(map(len, blocks.values()))
    made, started = 0, time.perf_counter()
    with tqdm(total=wanted * samples, unit="sample", unit_scale=True, disable=None) as bar:
        for first, missing in blocks.items():
            clips = min(_WAVENET_BATCH, count - first)
            pieces = [np.tile(known[np.newaxis, :, np.newaxis], [clips, 1, 1])]
            for piece in stream(
                model.averaged,
                samples,
                clips=clips,
                first_clip=first,
                seed=seed,
                temperature=_TEMPERATURE.value,
                **how,
            ):
                pieces.append(piece.numpy())
                bar.update(pieces[-1].shape[0] * pieces[-1].shape[1])
            made += clips * samples
            for number, clip in enumerate(np.concatenate(pieces, axis=1), first):
                if number in missing:
                    write_wav(clip_path(out_dir, seed, number), clip, config.sample_rate)
    if made:
        rate = made / (time.perf_counter() - started)
        print(f"{rate:,.0f} samples/s, compilation included", file=sys.stderr)
    return wanted


def conditions(config, description):
    """What the flags ask a WaveNet for.

    Returns:
      (arguments of `stream`, waveform [time] of --prime).

    Raises:
      ValueError: a flag does not fit the model; names the flag.
    """
    how, known = {}, np.zeros(0, np.float32)
    if not _TEMPERATURE.value > 0:
        raise ValueError(f"--temperature must be above 0, not {_TEMPERATURE.value:g}")
    if _PRIME.value:
        known = load(_PRIME.value, config.sample_rate, 1)[:, 0]
        if not len(known):
            raise ValueError(f"--prime: {_PRIME.value} holds no samples")
        how["prime_with"] = known[np.newaxis]
    if bool(_MEL.value) != (config.conditioning is not None):
        wants = "takes none" if _MEL.value else "is conditioned on a mel spectrogram; give one"
        raise ValueError(f"--mel: this model {wants}")
    if _MEL.value:
        how["features"] = read_mel(_MEL.value, config, front_end_of(description))
    speakers = description.get("speakers") or []
    if bool(_SPEAKER.value) != bool(config.speaker_channels):
        wants = "knows no speakers" if _SPEAKER.value else f"needs one of {', '.join(speakers[:8])}"
        raise ValueError(f"--speaker: this model {wants}")
    if _SPEAKER.value:
        how["speaker"] = [speaker_number(speakers, _SPEAKER.value)]
    return how, known


def read_mel(path, config, front_end):
    """Mel spectrogram [1, frames, bands] of a file, with the frames that the model needs around.

    Args:
      path: recording, or .npz or .npy of a mel spectrogram.
      config: WaveNetConfig.
      front_end: MelConfig that the model was trained with.
    """
    if path.endswith((".npy", mel_files.SUFFIX)):
        try:
            frames = mel_files.read_mel(path, front_end)
        except (OSError, ValueError) as error:
            raise ValueError(f"--mel: {cli.one_line(error)}") from None
    else:
        waveform = load(path, config.sample_rate, 1)[:, 0]
        frames = mel.mel_spectrogram(waveform[np.newaxis], front_end)[0].numpy()
    around = np.tile(mel.silence(front_end), [config.frame_padding, 1])
    return np.concatenate([around, frames, around])[np.newaxis].astype(np.float32)


def main(argv):
    if len(argv) != 2:
        raise ValueError("give one trained directory")
    if _INTERPOLATE.value == 1:
        raise ValueError("--interpolate: a line needs at least 2 steps")
    shards, shard = _SHARDS.value, _SHARD.value
    if shard >= shards:
        raise ValueError(f"--shard must be below --shards, {shards}, not {shard}")
    if shards > 1 and _INTERPOLATE.value:
        raise ValueError("--shards divides --count clips; a line of --interpolate is not divided")
    directory = find_training(argv[1])
    model, description, step = load_model(directory, _WHICH.value)
    if isinstance(model, DigitClassifier):
        raise ValueError(f"{directory}: a classifier makes no sound")
    if not isinstance(model, WaveNet) and not hasattr(model.config, "latent_dim"):
        raise ValueError(
            f"{directory}: {type(model).__name__} speaks what a recording says; "
            "use tools/copy_synthesis.py"
        )
    out_dir = _OUT_DIR.value
    # Skipping files is only right when they came from these very weights.
    made_from = {"generated_from": description, "step": step}
    if isinstance(model, WaveNet):
        asked = (_PRIME, _SPEAKER, _MEL, _TEMPERATURE, _SECONDS)
        made_from["flags"] = {flag.name: flag.value for flag in asked}
    part = f"-{shard}-of-{shards}" if shards > 1 else ""
    with open_directory(out_dir, made_from, part):
        asked = (out_dir, _COUNT.value, _SEED.value, shards, shard)
        if isinstance(model, WaveNet):
            written = continue_clips(model, description, *asked)
        elif _INTERPOLATE.value:
            steps = _INTERPOLATE.value
            written = write_line(model, out_dir, _SEED.value, _SEED_TO.value, steps)
        else:
            written = write_clips(model, *asked)
    print(f"{out_dir}: {written} files written (weights of step {step} of {directory})")


if __name__ == "__main__":
    cli.run(main)
