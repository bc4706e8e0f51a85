"""WaveNet's signatures: the queue loop inside a graph, for any number of clips and samples."""

import numpy as np
import tensorflow as tf

from tfwave.audio import mel as mels
from tfwave.models import sampler, signatures
from tfwave.models.wavenet import queues
from tfwave.models.wavenet.generation import begin


def make_signatures(network, mel=None, xla=False):
    """Build the signatures that a network's configuration supports.

    `generate`: samples, temperature, seed, with features and speaker where the network requires
    them, else with count -> waveform. `continuation`: the same after a given waveform, `prime`.
    With `mel`, `vocode` and `copy_synthesis` come first.

    Args:
      network: `WaveNetNetwork`.
      mel: MelConfig of the features, where they are mel spectrograms, or None.
      xla: compile the loop.

    Returns:
      Dict of signatures, see `tfwave.models.signatures`; the first is the main one.

    Raises:
      UserError: the features are not spectrograms of `mel`.
    """
    config = network.config
    how = [signatures.temperature_input(), signatures.seed_input()]
    samples = signatures.samples_input(queues.WaveNetSteps(config).block)
    made = [signatures.waveform_output(config.sample_rate)]

    @signatures.shared
    def clips(**wanted):
        return generate(network, xla=xla, **wanted)

    def generator(inputs):
        names = [known.name for known in inputs]
        return lambda *values: clips(**dict(zip(names, values, strict=True)))

    alone = _given(config, 0) or [signatures.count_input(signatures.MOST_CLIPS)]
    alone, after = (
        [*first, samples, *how] for first in (alone, [_prime(), *_given(config, _PRIMED)])
    )
    free = {
        "generate": signatures.signature(
            generator(alone), "Make clips sample by sample.", alone, made
        ),
        "continuation": signatures.signature(
            generator(after), "Continue waveforms; gives only what is new.", after, made
        ),
    }
    if mel is None:
        return signatures.with_wav(free, config.sample_rate)
    how = [*(i for i in _given(config, 0) if i.name == "speaker"), *how]
    return {**_vocoder(config, clips, mel, how), **free}


def _vocoder(config, clips, mel, how):
    """Build the signatures of a network of mel spectrograms, which are padded with silence."""
    conditioning = config.conditioning
    silence = np.tile(mels.silence(mel), [1, conditioning.frame_padding, 1])

    def vocode(features, *values):
        count, frames, _ = tf.unstack(tf.shape(features))
        around = tf.repeat(tf.constant(silence, tf.float32), count, axis=0)
        features = tf.concat([around, features, around], axis=1)
        known = dict(zip([i.name for i in how], values, strict=True))
        return clips(samples=frames * mel.hop_length, features=features, **known)

    return signatures.vocoder_signatures(vocode, mel, how, most_clips=signatures.MOST_CLIPS)


def generate(
    network,
    samples,
    temperature,
    seed,
    count=None,
    prime=None,
    features=None,
    speaker=None,
    xla=False,
):
    """Return the audio of `generation.stream` as one tensor, inside a graph.

    Args:
      network: `WaveNetNetwork`.
      samples, temperature, seed, xla: see `sampler.generate_in_graph`.
      count: int32 scalar, number of clips where no other argument determines it.
      prime: float32 [clips, time, 1], 2 samples or more, which the clips continue, or None.
      features: float32 [clips, frames, channels], or None.
      speaker: int32 [clips], or vectors, or None.

    Returns:
      float32 [clips, samples, 1] in [-1, 1].
    """
    config = network.config
    carriers = [x for x in (prime, features, speaker) if x is not None]
    clips = tf.shape(carriers[0])[0] if carriers else count
    samples = signatures.limited(samples, clips)
    speaker = _of_clips("speaker", speaker, clips)
    prime = None if prime is None else prime[:, :, 0]
    if features is not None:
        needed = samples if prime is None else tf.shape(prime)[1] + samples - 1
        features = _covering(config, _of_clips("features", features, clips), needed)
    start = begin(network, clips, samples, prime, features, speaker)
    model = queues.WaveNetSteps(config)
    return sampler.generate_in_graph(model, start, samples, seed, temperature, xla)


def _of_clips(name, values, clips):
    if values is None:
        return None
    fits = tf.shape(values)[0] == clips
    words = f"{name} must be for as many clips as the other inputs,"
    return signatures.guarded(values, (fits, words, clips))


def _covering(config, features, needed):
    conditioning = config.conditioning
    frames = tf.shape(features)[1] - 2 * conditioning.frame_padding
    words = f"features must cover the samples (and {conditioning.frame_padding} frames around), "
    return signatures.guarded(
        features, (frames * conditioning.hop_length >= needed, words + "in all", needed)
    )


# Inputs.


def _given(config, known):
    """Return the inputs that condition the clips after `known` samples."""
    return [given for given in (_features(config, known), _speaker(config)) if given is not None]


def _features(config, known):
    """Return the input for features, by an example of one block after `known` samples, or None."""
    conditioning = config.conditioning
    if conditioning is None:
        return None
    padding, hop = conditioning.frame_padding, conditioning.hop_length
    frames = -(-(known + queues.WaveNetSteps(config).block) // hop) + 2 * padding
    around = f", {padding} of them at both ends only for context" if padding else ""
    return signatures.features_input(
        "features",
        conditioning.channels,
        hop,
        f"Features that condition the clips, {conditioning.channels} channels, a frame for every "
        f"{hop} samples{around}",
        np.zeros([1, frames, conditioning.channels], np.float32),
        2 * padding + 1,
        signatures.MOST_CLIPS,
    )


def _speaker(config):
    if not config.speaker_channels:
        return None
    few = (
        lambda x: tf.shape(x)[0] <= signatures.MOST_CLIPS,
        f"must be of at most {signatures.MOST_CLIPS} clips",
    )
    if not config.speakers:
        return signatures.Input(
            "speaker",
            "float32",
            (None, config.speaker_channels),
            "A vector for each clip.",
            np.zeros([1, config.speaker_channels], np.float32),
            (few,),
        )
    last = config.speakers - 1
    return signatures.Input(
        "speaker",
        "int32",
        (None,),
        f"Number of the speaker of each clip, 0 to {last}.",
        [0],
        (few, (lambda x: tf.reduce_all((x >= 0) & (x <= last)), f"must be 0 to {last}")),
    )


_PRIMED = 2  # samples of the example


def _prime():
    return signatures.waveform_input(
        "prime",
        "Waveforms that the clips continue",
        np.zeros([1, _PRIMED, 1], np.float32),
        _PRIMED,
        most_clips=signatures.MOST_CLIPS,
    )
