"""Signatures: a model's functions for TensorFlow Serving and other users of a SavedModel.

A signature is a tf.function with named inputs and a dict of named outputs, float32 in and out.
Batch and length are free, and every draw follows from a seed that is an input. An input that
the model cannot take is refused in the graph before anything is computed, as INVALID_ARGUMENT with
the name of the input: servers do not compare a request with the shapes of a signature.

A request is limited so that it cannot exhaust the memory: to MOST_SAMPLES samples of all its clips
together, recordings or results, and, for autoregressive models, to MOST_CLIPS clips.
"""

import dataclasses
import inspect

import numpy as np
import tensorflow as tf

from tfwave.audio.mel import MelConfig, mel_spectrogram

MOST_SAMPLES = 2**20  # a reply of 4 MiB
MOST_CLIPS = 32


@dataclasses.dataclass(frozen=True)
class Input:
    """An input of a signature.

    Attributes:
      name: name of the input.
      dtype: "float32" or "int32". Floats must be finite.
      shape: sizes of its axes, None for those that are free.
      meaning: description in words, with unit and range.
      example: value in a small request, array-like.
      checks: further conditions, pairs of (function of the value that gives a bool scalar tensor,
        end of a message that starts with the name, such as "must be above 0").
    """

    name: str
    dtype: str
    shape: tuple
    meaning: str
    example: object
    checks: tuple = ()

    def spec(self):
        """Return the tf.TensorSpec of the input."""
        return tf.TensorSpec(self.shape, self.dtype, self.name)

    def checked(self, value):
        """Return the value, guarded by checks of its shape, finiteness and conditions."""
        # EnsureShape names the tensor, which identifies the input where its sizes are static.
        free = with_free_shape(value, name=f"{self.name}_given")
        sizes, rank = tf.shape(free), len(self.shape)
        wanted = np.array([-1 if size is None else size for size in self.shape], np.int32)
        # Padded, so that shapes of another rank can be compared as well.
        same = (tf.pad(sizes, [[0, rank]])[:rank] == wanted) | (wanted < 0)
        fits = tf.reduce_all(same) & (tf.size(sizes) == rank)
        words = ", ".join("any" if size is None else str(size) for size in self.shape)
        value = guarded(free, (fits, f"{self.name} must have the sizes [{words}], not", sizes))
        value = tf.ensure_shape(value, self.shape)
        conditions = [(tf.size(value) > 0, f"{self.name} must not be empty")]
        if self.dtype == "float32":
            finite = tf.reduce_all(tf.math.is_finite(value))
            conditions.append((finite, f"{self.name} must be finite, but holds NaN or infinity"))
        value = guarded(value, *conditions)
        return guarded(value, *((of(value), f"{self.name} {words}") for of, words in self.checks))


@dataclasses.dataclass(frozen=True)
class Output:
    """An output of a signature: name, "float32" or "string", shape, and meaning in words."""

    name: str
    dtype: str
    shape: tuple
    meaning: str


@dataclasses.dataclass(frozen=True)
class Interface:
    """Description of a signature: its purpose in a sentence, its Inputs in order, its Outputs."""

    meaning: str
    inputs: tuple
    outputs: tuple

    def described(self):
        """Return the description as a dict that JSON can hold."""

        def port(port):
            sizes = [-1 if size is None else size for size in port.shape]
            return {"dtype": port.dtype, "shape": sizes, "meaning": port.meaning}

        return {
            "meaning": self.meaning,
            "inputs": {port_.name: port(port_) for port_ in self.inputs},
            "outputs": {port_.name: port(port_) for port_ in self.outputs},
        }


def signature(function, meaning, inputs, outputs):
    """Build a signature.

    Args:
      function: function of the checked values of the inputs, in their order, that returns those of
        the outputs in theirs, or the only one.
      meaning: purpose of the function, a sentence.
      inputs: list of Input.
      outputs: list of Output.

    Returns:
      tf.function of the named inputs that returns a dict; its `interface` is an `Interface`.
    """

    def named(*values):
        made = function(*(i.checked(value) for i, value in zip(inputs, values, strict=True)))
        made = made if isinstance(made, tuple) else (made,)
        return {output.name: value for output, value in zip(outputs, made, strict=True)}

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    named.__signature__ = inspect.Signature([inspect.Parameter(i.name, kind) for i in inputs])
    made = tf.function(named, input_signature=[i.spec() for i in inputs], autograph=False)
    made.interface = Interface(meaning, tuple(inputs), tuple(outputs))
    return made


def shared(function):
    """Return a function that is traced and stored once for all signatures that call it."""
    return tf.function(function, autograph=False)


def guarded(value, *conditions):
    """Return a value that is computed only if all conditions hold, else INVALID_ARGUMENT.

    Args:
      value: tensor.
      *conditions: tuples of a bool scalar tensor, a sentence, and tensors shown after it.
    """
    if not conditions:
        return value
    asserts = [
        tf.raw_ops.Assert(condition=holds, data=[tf.constant(words), *shown])
        for holds, words, *shown in conditions
    ]
    with tf.control_dependencies(asserts):
        return tf.identity(value)


def with_free_shape(value, shape=None, name=None):
    """Return the tensor with `shape` as its only static shape."""
    return tf.raw_ops.PlaceholderWithDefault(input=value, shape=tf.TensorShape(shape), name=name)


# Inputs and outputs that several systems share.


def seed_input(of="draws"):
    """Return the input for the seed of the draws."""
    return Input("seed", "int32", (), f"Seed of the {of}; the same seed gives the same clips.", 0)


def count_input(most):
    """Return the input for the number of clips, up to `most`."""
    return Input(
        "count",
        "int32",
        (),
        f"Number of clips, 1 to {most}.",
        1,
        ((lambda count: (count >= 1) & (count <= most), f"must be 1 to {most}"),),
    )


def samples_input(example):
    """Return the input for the number of samples of each clip."""
    return Input(
        "samples",
        "int32",
        (),
        f"Samples of each clip, from 1; of all clips together at most {MOST_SAMPLES}.",
        example,
        (
            (
                lambda samples: (samples >= 1) & (samples <= MOST_SAMPLES),
                f"must be 1 to {MOST_SAMPLES}",
            ),
        ),
    )


def temperature_input():
    """Return the input for the sampling temperature."""
    return Input(
        "temperature",
        "float32",
        (),
        "Above 0; 1 is as trained, below 1 keeps to the likely.",
        1.0,
        ((lambda temperature: temperature > 0, "must be above 0"),),
    )


def latents_input(size, slice_len):
    """Return the input for latents of a generator of clips of `slice_len` samples."""
    most = max(1, MOST_SAMPLES // slice_len)
    example = np.random.default_rng(0).uniform(-1.0, 1.0, [1, size]).astype(np.float32)
    return Input(
        "latents",
        "float32",
        (None, size),
        f"1 to {most} latents, each drawn uniformly from [-1, 1] in training.",
        example,
        ((lambda latents: tf.shape(latents)[0] <= most, f"must be at most {most}"),),
    )


def features_input(name, channels, hop_length, meaning, example, least=1, most_clips=None):
    """Return the input for frames that condition the clips, [clips, frames, channels].

    Args:
      name, meaning, example: see `Input`.
      channels: number of channels of a frame.
      hop_length: samples per frame.
      least: smallest number of frames.
      most_clips: largest number of clips, or None.
    """
    checks = [
        (lambda x: tf.shape(x)[1] >= least, f"must have at least {least} frames"),
        _length_check(hop_length, "frames"),
        *_clips_check(most_clips),
    ]
    return Input(
        name,
        "float32",
        (None, None, channels),
        f"{meaning}; {least} or more frames, of all clips at most {MOST_SAMPLES // hop_length}"
        f"{_clips_words(most_clips)}.",
        example,
        tuple(checks),
    )


def waveform_input(name, meaning, example, least=1, channels: int | None = 1, most_clips=None):
    """Return the input for recordings [clips, time, channels]; see `features_input`."""
    checks = [
        (lambda x: tf.shape(x)[1] >= least, f"must have at least {least} samples"),
        _length_check(1, "samples"),
        *_clips_check(most_clips),
    ]
    return Input(
        name,
        "float32",
        (None, None, channels),
        f"{meaning} in [-1, 1]; {least} or more samples, of all clips at most {MOST_SAMPLES}"
        f"{_clips_words(most_clips)}.",
        example,
        tuple(checks),
    )


def _length_check(size, what):
    most = MOST_SAMPLES // size

    def holds(x):
        return tf.reduce_prod(tf.shape(x, tf.int64)[:2]) <= most

    return holds, f"must have at most {most} {what} in all"


def _clips_check(most):
    words = f"must be of at most {most} clips"
    return [] if most is None else [(lambda x: tf.shape(x)[0] <= most, words)]


def _clips_words(most):
    return "" if most is None else f", at most {most} clips"


def waveform_output(sample_rate, channels=1, time=None):
    """Return the output for waveforms [clips, time, channels]."""
    return Output(
        "waveform", "float32", (None, time, channels), f"Clips in [-1, 1] at {sample_rate} Hz."
    )


def limited(samples, clips):
    """Return `samples` of each clip, refused where all clips together have too many."""
    total = tf.cast(samples, tf.int64) * tf.cast(clips, tf.int64)
    return guarded(
        samples,
        (total <= MOST_SAMPLES, f"samples of all clips must be at most {MOST_SAMPLES}, not", total),
    )


def with_wav(signatures, sample_rate):
    """Add `wav`, the first signature with its waveforms as wav files of 16 bits.

    REST answers with the base64 of an output whose name ends in _bytes.

    Args:
      signatures: dict of signatures, the first of which has an output "waveform".
      sample_rate: sample rate in Hz.
    """
    name, first = next(iter(signatures.items()))
    interface = first.interface

    def files(*values):
        def file(clip):
            return tf.audio.encode_wav(clip, sample_rate)

        waveforms = first(*values)["waveform"]
        return {"wav_bytes": tf.map_fn(file, waveforms, fn_output_signature=tf.string)}

    files.__signature__ = inspect.signature(first.python_function)
    wav = tf.function(files, input_signature=[i.spec() for i in interface.inputs], autograph=False)
    meaning = f"A wav file for each clip, 16 bits, {sample_rate} Hz."
    wav.interface = Interface(
        f"`{name}`, its clips as wav files.",
        interface.inputs,
        (Output("wav_bytes", "string", (None,), meaning),),
    )
    return {**signatures, "wav": wav}


def vocoder_signatures(vocode, mel: MelConfig, how=(), least=1, most_clips=None):
    """Build `vocode`, `copy_synthesis` and `wav` of a model conditioned on mel spectrograms.

    Args:
      vocode: function of a mel spectrogram [clips, frames, n_mels] and the values of `how` that
        returns waveforms [clips, time, 1].
      mel: MelConfig of the mel spectrograms.
      how: list of the other Inputs.
      least: smallest number of frames.
      most_clips: largest number of clips, or None.
    """
    samples = least_samples(mel, least)
    vocode = shared(vocode)
    sweep = 0.3 * np.sin(2e-5 * np.pi * np.arange(samples) ** 2)
    recording = sweep.astype(np.float32)[np.newaxis, :, np.newaxis]

    def copy(waveform, *values):
        made = vocode(mel_spectrogram(waveform[:, :, 0], mel), *values)
        return made[:, : tf.shape(waveform)[1]]

    spoken = features_input(
        "mel",
        mel.n_mels,
        mel.hop_length,
        f"Mel spectrograms of the model's own front end, {mel.n_mels} bands, a frame every "
        f"{mel.hop_length} samples",
        mel_spectrogram(recording[:, :, 0], mel).numpy(),
        least,
        most_clips,
    )
    recordings = waveform_input(
        "waveform", f"Recordings of {mel.sample_rate} Hz", recording, samples, 1, most_clips
    )
    made = [waveform_output(mel.sample_rate)]
    signatures = {
        "vocode": signature(vocode, "Speak mel spectrograms.", [spoken, *how], made),
        "copy_synthesis": signature(
            copy,
            "Take the mel spectrograms of recordings and speak them; not longer than these.",
            [recordings, *how],
            made,
        ),
    }
    return with_wav(signatures, mel.sample_rate)


def least_samples(mel, frames):
    """Return the smallest number of samples whose mel spectrogram has `frames` frames."""
    return max(1, (frames - 1) * mel.hop_length + mel.n_fft - 2 * mel.pad)
