"""Audio from WaveNet: checks of a request, and the starting point of the sampler."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfwave.errors import UserError
from tfwave.models import sampler
from tfwave.models.wavenet import outputs, queues


def stream(
    network,
    samples: int,
    clips: int | None = None,
    first_clip: int = 0,
    seed: int = 0,
    prime_with: np.ndarray | None = None,
    features: np.ndarray | None = None,
    speaker: np.ndarray | None = None,
    temperature: float = 1.0,
    greedy: bool = False,
    shards: int | None = None,
    precision: str = "float32",
    xla: bool = True,
) -> Iterator[tf.Tensor]:
    """Generate audio block by block.

    Args:
      network: `WaveNetNetwork`.
      samples: number of samples of every clip.
      clips: number of clips; by default that of the arrays given, or 1.
      prime_with: waveform, float32 [clips or 1, time] in [-1, 1], which the clips continue. By
        default a receptive field of silence where the network is trained without padding, else one
        sample of silence.
      features: float32 [clips or 1, frames, channels], which cover the primed and the
        generated samples; needed where the network takes them.
      speaker: int32 ids [clips or 1], or vectors; needed where the network takes them.
      greedy: take the most likely value at each step instead of a draw.
      precision: number format of the weight matrices, see `models.precision` and `queues.fold`.
      first_clip, seed, temperature, shards, xla: see `sampler.stream`, where shards are groups.

    Returns:
      Iterator of blocks, float32 [clips, up to `sampler.BLOCK` samples, 1]; with a context stack,
      up to its stride.

    Raises:
      UserError: an argument does not fit the network; the message names it.
    """
    config = network.config
    clips = _clip_count(clips, prime_with, features, speaker)
    sampler.check_request(clips, samples, temperature)
    _check(config, prime_with, speaker)
    _check_features(config, features, samples, prime_with)
    start = begin(network, clips, samples, prime_with, features, speaker, precision)
    model = queues.WaveNetSteps(config, greedy)
    return sampler.stream(model, start, samples, seed, first_clip, temperature, shards, xla)


def begin(
    network, clips, samples, prime=None, features=None, speaker=None, precision="float32"
) -> sampler.Start:
    """Return the start of generation, eagerly or inside a graph.

    Args:
      network: `WaveNetNetwork`.
      clips: number of clips.
      samples: number of samples of each clip.
      prime: waveform that the clips continue, float32 [clips or 1, time], or None for silence.
      features: float32 [clips or 1, frames, channels], or None; they cover `prime` and the samples.
      speaker: int32 [clips or 1], or vectors, or None.
      precision: number format of the weight matrices; see `queues.fold`.
    """
    block = queues.WaveNetSteps(network.config).block
    waveform = tf.zeros([1, network.config.context_len]) if prime is None else prime
    waveform = _rows(tf.cast(waveform, tf.float32), clips)
    known = queues.length_of(waveform)
    upsampled = None
    if features is not None:
        upsampled = _rows(network.conditioner(tf.cast(features, tf.float32)), clips)
        # Silence before the clip has the conditioning of its beginning.
        before = known - 1 if prime is None else 0
        after = known + samples + block - before - queues.length_of(upsampled)
        upsampled = sampler.repeat_ends(upsampled, before, tf.maximum(0, after))
    vector = network.speaker_vector(None if speaker is None else _rows(speaker, clips))
    weights = queues.fold(network, precision)
    constant = queues.gate_terms(network, weights, vector, clips)

    def rows(number, history):
        # Row t of the conditioning belongs to the sample after input t.
        first = known - 1 + number * block
        return constant, _local(network, history, upsampled, first, block)

    state = _primed(network, waveform, upsampled, vector)
    history = None if network.context is None else waveform
    return sampler.Start(clips, weights, state, rows, history)


def _primed(network, waveform, upsampled, vector):
    """Return the queues after a waveform [clips, time]."""
    config, known = network.config, queues.length_of(waveform)
    inputs = outputs.as_inputs(config, waveform)
    # The queues depend on the receptive field only; zeros before it lie further back.
    smaller = min if isinstance(known, int) else tf.minimum
    seen = smaller(known, config.stack_receptive_field)
    parts = [] if upsampled is None else [upsampled[:, :known]]
    if config.context is not None:
        parts.append(network.context(waveform, first=known))
    local = tf.concat(parts, axis=-1)[:, known - seen :] if parts else None
    return queues.prime(network, inputs[:, -seen:], local, vector)


def _local(network, waveform, upsampled, first, count):
    """Return conditioning [count, clips, channels] of inputs `first` and following, or None."""
    parts = [] if upsampled is None else [upsampled[:, first : first + count]]
    if network.context is not None:
        config = network.context.config
        past = waveform[:, -config.frames * config.stride :]
        past = tf.pad(past, [[0, 0], [-queues.length_of(past) % config.stride, 0]])
        frames = queues.length_of(past) // config.stride
        newest = network.context.newest(tf.reshape(past, [-1, frames, config.stride]))
        parts.append(tf.repeat(newest[:, -1:], count, axis=1))
    return tf.transpose(tf.concat(parts, axis=-1), [1, 0, 2]) if parts else None


def _check_features(config, features, samples, prime_with):
    conditioning = config.conditioning
    if (features is None) != (conditioning is None):
        problem = "needs local conditioning" if features is None else "takes no local conditioning"
        raise UserError(f"features: this network {problem}")
    if features is None:
        return
    if features.shape[-1] != conditioning.channels:
        raise UserError(
            f"features have {features.shape[-1]} channels; the network takes "
            f"{conditioning.channels}"
        )
    covered = max(0, features.shape[1] - 2 * conditioning.frame_padding) * conditioning.hop_length
    known = 0 if prime_with is None else prime_with.shape[1]
    needed = samples if prime_with is None else known + samples - 1
    if covered < needed:
        raise UserError(
            f"features cover {covered} samples; {needed} are needed for {samples} samples"
            + ("" if prime_with is None else f" after {known} primed ones")
        )


def _clip_count(clips, *given):
    counts = {len(array) for array in given if array is not None} - {1}
    if clips is not None:
        counts |= {clips} if clips != 1 or not counts else {1}
    if len(counts) > 1:
        raise UserError(f"clips: the arguments are for {sorted(counts)} clips; they must agree")
    return counts.pop() if counts else 1


def _check(config, prime_with, speaker):
    if prime_with is not None and (prime_with.ndim != 2 or prime_with.shape[1] < 1):
        raise UserError(
            f"prime_with must be a waveform [clips, time], not of shape {tuple(prime_with.shape)}"
        )
    if (speaker is None) != (not config.speaker_channels):
        needs = "needs a speaker" if speaker is None else "knows no speakers"
        raise UserError(f"speaker: this network {needs}")
    if config.speakers:
        unknown = [int(s) for s in speaker if not 0 <= int(s) < config.speakers]
        if unknown:
            raise UserError(
                f"speaker {unknown[0]} is unknown; the network has 0 to {config.speakers - 1}"
            )


def _rows(array, clips):
    array = tf.convert_to_tensor(array)
    return tf.repeat(array, clips, axis=0) if array.shape[0] == 1 else array
