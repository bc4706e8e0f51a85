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

import inspect
import os
import sys
import time

import numpy as np
from absl import flags
from tqdm import tqdm

from tfwave import cli
from tfwave.audio.files import load, write_wav
from tfwave.data.corpus import speaker_number
from tfwave.errors import UserError
from tfwave.training.directory import open_directory

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
    "Vocoders: recording whose mel spectrogram the clips follow, or the spectrogram, .npz of "
    "tools/mel_spectrogram.py or .npy of float32 [frames, bands], from the start of --prime on.",
)
_TEMPERATURE = flags.DEFINE_float("temperature", 1.0, "Step by step: below 1 keeps to the likely.")
_DENOISE = flags.DEFINE_float(
    "denoise", 0.0, "WaveGlow: strength of the authors' denoiser, such as 0.1; 0 for none.", 0.0
)
_SECONDS = flags.DEFINE_float(
    "seconds",
    None,
    "Length of a clip, --prime included; by default that of --mel, or 1 after --prime.",
)

# Always whole batches of this size: the rounding of a clip must not depend on how many are made.
_BATCH = 16
_STREAMED_BATCH = 8  # clips that are generated at a time, sample by sample


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
        made.append(np.asarray(model.generate(latents=padded))[: len(block)])
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


def generate_clips(model, description, out_dir, count, seed, shards=1, shard=0):
    """Write clips 0 .. count - 1 of a system that generates from a mel spectrogram or from samples.

    Args:
      model: the system; existing clips are kept.
      description: of its training.
      out_dir, count, seed, shards, shard: as of `missing_blocks`.

    Returns:
      The number of files written.
    """
    kwargs, prime = conditions(model, description)
    rate = model.sample_rate
    samples = samples_of(model, kwargs, len(prime))
    if samples is not None:
        kwargs["samples"] = samples
    size = _STREAMED_BATCH if hasattr(model, "stream") else 1
    blocks = missing_blocks(out_dir, count, seed, size, shards, shard)
    total = sum(map(len, blocks.values()))
    done, start_time = 0, time.perf_counter()
    with tqdm(total=total, unit="clip", disable=None) as bar:
        for first, numbers in blocks.items():
            if size == 1:
                clips = model.generate(seed=seed + first, **kwargs).numpy()
            else:
                clips = streamed(model, first, min(size, count - first), seed, kwargs, bar)
            done += clips.shape[0] * clips.shape[1]
            start = np.tile(prime[np.newaxis, :, np.newaxis], [len(clips), 1, 1])
            for number, clip in enumerate(np.concatenate([start, clips], axis=1), first):
                if number in numbers:
                    write_wav(clip_path(out_dir, seed, number), clip, rate)
            bar.update(len(numbers))
    if done:
        speed = done / (time.perf_counter() - start_time)
        print(f"{speed:,.0f} samples/s, compilation included", file=sys.stderr)
    return total


def streamed(model, first, count, seed, kwargs, bar):
    """Generate clips first .. first + count - 1 of a seed, showing how far they are."""
    blocks = []
    for block in model.stream(count=count, first=first, seed=seed, **kwargs):
        blocks.append(block.numpy())
        seconds = sum(block.shape[1] for block in blocks) / model.sample_rate
        bar.set_postfix_str(f"{seconds:.1f} s of each clip")
    return np.concatenate(blocks, axis=1)


def samples_of(model, kwargs, primed):
    """Return the number of samples of each clip after its prime, None for all that --mel covers.

    Args:
      model: the system.
      kwargs: arguments of its `generate`.
      primed: samples of the prime.

    Raises:
      UserError: --seconds leaves nothing to generate, or a mel spectrogram sets the length.
    """
    rate = model.sample_rate
    if _SECONDS.value is None and "mel" in kwargs:
        total = kwargs["mel"].shape[1] * model.mel.hop_length
        if not primed:
            return None
    elif _SECONDS.value is None:
        total = primed + rate
    elif "samples" not in inspect.signature(model.generate).parameters:
        raise UserError(f"--seconds: the length of a {type(model).__name__}'s clip follows --mel")
    else:
        total = round(_SECONDS.value * rate)
    if total <= primed:
        raise UserError(
            f"a clip of {total / rate:g} s leaves nothing to generate after "
            f"{primed / rate:g} s of --prime"
        )
    return total - primed


def conditions(model, description):
    """Return the inputs of generation that the flags give.

    Returns:
      (arguments of its `generate`, waveform [time] of --prime).

    Raises:
      UserError: a flag does not fit the system; the message names the flag.
    """
    kwargs, prime = {}, np.zeros(0, np.float32)
    parameters = inspect.signature(model.generate).parameters
    for flag, name in ((_PRIME, "prime"), (_SPEAKER, "speaker"), (_DENOISE, "denoise")):
        if flag.value and name not in parameters:
            raise UserError(f"--{flag.name}: a {type(model).__name__} takes none")
    if not _TEMPERATURE.value > 0:
        raise UserError(f"--temperature must be above 0, not {_TEMPERATURE.value:g}")
    if "temperature" in parameters:
        kwargs["temperature"] = _TEMPERATURE.value
    elif _TEMPERATURE.present:
        raise UserError(f"--temperature: a {type(model).__name__} takes none")
    if _DENOISE.value:
        kwargs["denoise"] = _DENOISE.value
    if _PRIME.value:
        prime = load(_PRIME.value, model.sample_rate, 1)[:, 0]
        if not len(prime):
            raise UserError(f"--prime: {_PRIME.value} holds no samples")
        kwargs["prime"] = prime[np.newaxis]
    if bool(_MEL.value) != (model.kind == "mel"):
        wants = (
            "takes none"
            if _MEL.value
            else "is conditioned on a mel spectrogram; give one, or use tools/copy_synthesis.py"
        )
        raise UserError(f"--mel: this model {wants}")
    if _MEL.value:
        kwargs["mel"] = read_mel(_MEL.value, model.mel)
    speakers = description.get("speakers") or []
    with_speakers = bool(getattr(model.config, "speaker_channels", 0))
    if bool(_SPEAKER.value) != with_speakers:
        wants = "knows no speakers" if _SPEAKER.value else f"needs one of {', '.join(speakers[:8])}"
        raise UserError(f"--speaker: this model {wants}")
    if _SPEAKER.value:
        kwargs["speaker"] = [speaker_number(speakers, _SPEAKER.value)]
    return kwargs, prime


def read_mel(path, front_end):
    """Read or compute a mel spectrogram [1, frames, bands].

    Args:
      path: recording, or .npz or .npy of a mel spectrogram.
      front_end: MelConfig of the model.
    """
    from tfwave.audio import mel, mel_files

    if path.endswith((".npy", mel_files.SUFFIX)):
        try:
            frames = mel_files.read_mel(path, front_end)
        except (OSError, ValueError) as error:
            raise UserError(f"--mel: {cli.one_line(error)}") from None
        return frames[np.newaxis].astype(np.float32)
    waveform = load(path, front_end.sample_rate, 1)[:, 0]
    return mel.mel_spectrogram(waveform[np.newaxis], front_end).numpy()


def main(argv):
    if len(argv) != 2:
        raise UserError("give one trained directory")
    if _INTERPOLATE.value == 1:
        raise UserError("--interpolate: a line needs at least 2 steps")
    shards, shard = _SHARDS.value, _SHARD.value
    if shard >= shards:
        raise UserError(f"--shard must be below --shards, {shards}, not {shard}")
    if shards > 1 and _INTERPOLATE.value:
        raise UserError("--shards divides --count clips; a line of --interpolate is not divided")
    from tfwave.training.load import find_training, load_model

    directory = find_training(argv[1])
    model, description, step = load_model(directory, _WHICH.value)
    if model.kind == "none":
        raise UserError(f"{directory}: a {type(model).__name__} makes no sound")
    if _INTERPOLATE.value and model.kind != "latents":
        raise UserError(f"--interpolate: a {type(model).__name__} has no latents")
    out_dir = _OUT_DIR.value
    # Skipping files is only right when they came from these very weights.
    source = {"generated_from": description, "step": step}
    if model.kind != "latents":
        asked = (_PRIME, _SPEAKER, _MEL, _TEMPERATURE, _SECONDS)
        source["flags"] = {flag.name: flag.value for flag in asked}
        if _DENOISE.value:
            source["flags"]["denoise"] = _DENOISE.value
    part = f"-{shard}-of-{shards}" if shards > 1 else ""
    with open_directory(out_dir, source, part):
        asked = (out_dir, _COUNT.value, _SEED.value, shards, shard)
        if model.kind != "latents":
            written = generate_clips(model, description, *asked)
        elif _INTERPOLATE.value:
            steps = _INTERPOLATE.value
            written = write_line(model, out_dir, _SEED.value, _SEED_TO.value, steps)
        else:
            written = write_clips(model, *asked)
    print(f"{out_dir}: {written} files written (weights of step {step} of {directory})")


if __name__ == "__main__":
    cli.run(main)
