"""Audio from WaveNet: requests in, blocks of samples out, by the queues of `wavenet_queues`.

Clips are independent, so large batches are split into shards that run at the same time, one for
each core.
"""

import functools

import tensorflow as tf

from tfwave.errors import UserError
from tfwave.models.row_groups import row_groups
from tfwave.models.wavenet import outputs, queues

BLOCK = 512  # samples that one call of the compiled loop makes, without a context stack
_CLIPS_PER_SHARD = 4  # fewer are not worth a core of their own


@functools.lru_cache(maxsize=16)
def compiled(config, greedy, xla):
    """`queues.advance` of several shards of clips, which run at the same time."""
    one = tf.function(
        functools.partial(queues.advance, config, greedy), jit_compile=xla, autograph=False
    )

    def shards(weights, matrix, temperature, parts):
        return [
            one(weights, constant, matrix, local, state, draws, temperature)
            for constant, local, state, draws in parts
        ]

    return tf.function(shards, autograph=False)


def stream(
    network,
    samples,
    clips=None,
    first_clip=0,
    seed=0,
    prime_with=None,
    features=None,
    speaker=None,
    temperature=1.0,
    greedy=False,
    shards=None,
    precision="float32",
    xla=True,
):
    """Generate audio and yield it as it is made.

    Args:
      network: `WaveNetNetwork`.
      samples: number of samples of every clip.
      clips: number of clips; by default that of the arrays given, or 1.
      first_clip: number of the first clip, so that a long list can be made in parts.
      seed: int. Clip i of a seed is the same however many clips there are.
      prime_with: waveform, float32 [clips or 1, time] in [-1, 1], which the clips continue. By
        default a receptive field of silence where the network is trained without padding, else one
        sample of silence.
      features: float32 [clips or 1, frames, channels], which cover the primed and the
        generated samples; needed where the network takes them.
      speaker: int32 ids [clips or 1], or vectors; needed where the network takes them.
      temperature: above 0; below 1 keeps closer to the likely.
      greedy: take the most likely value each time instead of a draw.
      shards: groups of clips that are made at the same time; by default one for each core.
      precision: of the weight matrices, "float32" or "bfloat16"; see `wavenet_queues.fold`.
      xla: compile the loop (seconds, once for each shape), or run it op by op.

    Yields:
      float32 [clips, up to BLOCK samples, 1].

    Raises:
      UserError: an argument does not fit the network; names it.
    """
    config = network.config
    clips = _clip_count(clips, prime_with, features, speaker)
    _check(config, samples, clips, prime_with, speaker, temperature)
    virtual = prime_with is None
    if virtual:
        prime_with = tf.zeros([1, config.context_len])
    waveform = _rows(tf.convert_to_tensor(prime_with, tf.float32), clips)
    vector = network.speaker_vector(None if speaker is None else _rows(speaker, clips))
    known, block = waveform.shape[1], block_length(config)
    upsampled = _upsampled(network, features, clips, samples, known, virtual)
    state = primed(network, waveform, upsampled, vector)
    weights = queues.fold(network, precision)
    constant, matrix = queues.gate_terms(network, weights, vector, clips)
    run = compiled(config, greedy, xla)
    groups = row_groups(clips, shards, _CLIPS_PER_SHARD)
    states = [queues.take(state, group) for group in groups]
    temperature = tf.constant(temperature, tf.float32)
    for number in range(-(-samples // block)):
        draws = outputs.draws(
            config, tf.constant(seed), tf.constant(number), first_clip + clips, block
        )
        # Row t of the conditioning belongs to the sample after input t.
        local = local_rows(network, waveform, upsampled, known - 1 + number * block, block)
        parts = [
            (
                constant[:, group],
                None if local is None else local[:, group],
                state,
                tuple(draw[:, first_clip:][:, group] for draw in draws),
            )
            for group, state in zip(groups, states, strict=True)
        ]
        made, states = zip(*run(weights, matrix, temperature, parts), strict=True)
        made = outputs.value_as_waveform(config, tf.transpose(tf.concat(made, axis=1)))
        if config.context is not None:
            waveform = tf.concat([waveform, made], axis=1)
        yield made[:, : samples - number * block, tf.newaxis]


def block_length(config):
    """Samples that one call of the compiled loop makes."""
    return BLOCK if config.context is None else config.context.stride


def primed(network, waveform, upsampled, vector):
    """The queues after a waveform.

    Args:
      network: `WaveNetNetwork`.
      waveform: float32 [clips, time].
      upsampled: of `fitted`, or None.
      vector: float32 [clips, 1, speaker_channels], or None.

    Returns:
      `wavenet_queues.State`.
    """
    config, known = network.config, queues.length_of(waveform)
    inputs = outputs.as_inputs(config, waveform)
    # What the queues depend on: the receptive field, and zeros before it stand further away.
    smaller = min if isinstance(known, int) else tf.minimum
    seen = smaller(known, config.stack_receptive_field)
    parts = [] if upsampled is None else [upsampled[:, :known]]
    if config.context is not None:
        parts.append(network.context(waveform, first=known))
    local = tf.concat(parts, axis=-1)[:, known - seen :] if parts else None
    return queues.prime(network, inputs[:, -seen:], local, vector)


def local_rows(network, waveform, upsampled, first, count):
    """Conditioning [count, clips, local_channels] of the inputs from number `first` on, or None."""
    parts = []
    if upsampled is not None:
        parts.append(upsampled[:, first : first + count])
    if network.context is not None:
        config = network.context.config
        past = waveform[:, -config.frames * config.stride :]
        past = tf.pad(past, [[0, 0], [-queues.length_of(past) % config.stride, 0]])
        frames = queues.length_of(past) // config.stride
        newest = network.context.newest(tf.reshape(past, [-1, frames, config.stride]))
        parts.append(tf.repeat(newest[:, -1:], count, axis=1))
    return tf.transpose(tf.concat(parts, axis=-1), [1, 0, 2]) if parts else None


def _upsampled(network, features, clips, samples, known, virtual):
    """Features at the sample rate, a row for each input, to the end of the last block."""
    if network.conditioner is None:
        if features is not None:
            raise UserError("features: this network takes no local conditioning")
        return None
    if features is None:
        raise UserError("features: this network needs local conditioning")
    wanted = network.config.conditioning.channels
    if features.shape[-1] != wanted:
        raise UserError(f"features have {features.shape[-1]} channels; the network takes {wanted}")
    rows = _rows(network.conditioner(tf.convert_to_tensor(features, tf.float32)), clips)
    needed = samples if virtual else known + samples - 1
    if rows.shape[1] < needed:
        raise UserError(
            f"features cover {rows.shape[1]} samples; {needed} are needed for {samples} samples"
            + ("" if virtual else f" after {known} primed ones")
        )
    return fitted(network.config, rows, samples, known, virtual)


def fitted(config, rows, samples, known, virtual):
    """Repeat the outer rows of conditioning, so that there is one for each input of all blocks.

    Args:
      config: WaveNetConfig.
      rows: float32 [clips, time, channels], conditioning at the sample rate.
      samples: of each clip.
      known: samples before them.
      virtual: whether these are silence that the rows do not cover.
    """
    # Silence before the clip is conditioned as its beginning.
    before = known - 1 if virtual else 0
    end = known + samples + block_length(config)
    after = tf.maximum(0, end - queues.length_of(rows) - before)
    parts = [tf.repeat(rows[:, :1], before, 1), rows, tf.repeat(rows[:, -1:], after, 1)]
    return tf.concat(parts, axis=1)


def _clip_count(clips, *given):
    counts = {len(array) for array in given if array is not None} - {1}
    if clips is not None:
        counts |= {clips} if clips != 1 or not counts else {1}
    if len(counts) > 1:
        raise UserError(f"clips: the arguments are for {sorted(counts)} clips; they must agree")
    return counts.pop() if counts else 1


def _check(config, samples, clips, prime_with, speaker, temperature):
    if samples < 1:
        raise UserError(f"samples must be 1 or more, not {samples}")
    if clips < 1:
        raise UserError(f"clips must be 1 or more, not {clips}")
    if not temperature > 0:
        raise UserError(f"temperature must be above 0, not {temperature}")
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
