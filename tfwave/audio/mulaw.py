"""Mu-law companding of waveforms to codes, in the three forms of the public codes.

With c(x) = sign(x) ln(1 + mu |x|) / ln(1 + mu) and mu = levels - 1 (arXiv:1609.03499 section 2.2,
which leaves the rounding open):

* "nearest" (ibab/tensorflow-wavenet, ops.py): (c + 1) / 2 * mu, rounded; silence is 128 of 256.
* "truncate" (r9y9/wavenet_vocoder by nnmnkwii): the same, truncated; silence is 127 of 256.
  Both decode to c = 2 code / mu - 1.
* "floor" (magenta, nsynth/utils.py): floor(levels / 2 * c) + levels / 2; silence is 128 of 256 and
  decodes to 0, other codes to the middle of their step.

Codes of "truncate" do not survive decoding and encoding; those of the others do, apart from x = 1,
which "floor" maps to `levels`, a class that does not exist.
"""

import math

import tensorflow as tf

CONVENTIONS = ("nearest", "truncate", "floor")


def compress(waveform, levels: int = 256):
    """Compute c(x) of a waveform in [-1, 1], float32 in [-1, 1]."""
    mu = float(levels - 1)
    return tf.sign(waveform) * tf.math.log1p(mu * tf.abs(waveform)) / math.log1p(mu)


def expand(compressed, levels: int = 256):
    """Invert `compress`: return the waveform of which `compressed` is c(x)."""
    mu = float(levels - 1)
    return tf.sign(compressed) * ((1.0 + mu) ** tf.abs(compressed) - 1.0) / mu


def encode(waveform, levels: int = 256, convention: str = "nearest"):
    """Quantise a waveform.

    Args:
      waveform: float32 [...] in [-1, 1]; what lies outside is clipped, but by "floor".
      levels: number of codes, 2 or more.
      convention: "nearest", "truncate" or "floor"; see above.

    Returns:
      int32 [...] in 0 .. levels - 1 (`levels` for x = 1 with "floor").

    Raises:
      ValueError: unknown convention, or fewer than 2 levels.
    """
    _check(levels, convention)
    mu = float(levels - 1)
    if convention == "floor":
        half = levels // 2
        return tf.cast(tf.floor(compress(waveform, levels) * half), tf.int32) + half
    c = compress(tf.clip_by_value(waveform, -1.0, 1.0), levels)
    offset = 0.5 if convention == "nearest" else 0.0
    return tf.cast((c + 1.0) / 2.0 * mu + offset, tf.int32)


def decode(codes, levels: int = 256, convention: str = "nearest"):
    """Turn codes back into a waveform.

    Args:
      codes: int32 [...] in 0 .. levels - 1.
      levels, convention: as they were encoded.

    Returns:
      float32 [...] in [-1, 1].

    Raises:
      ValueError: unknown convention, or fewer than 2 levels.
    """
    _check(levels, convention)
    if convention == "floor":
        half = levels // 2
        signed = tf.cast(codes - half, tf.float32)
        middle = expand((signed + 0.5) / half, levels)
        return tf.where(signed == 0.0, 0.0, middle)
    return expand(2.0 * tf.cast(codes, tf.float32) / float(levels - 1) - 1.0, levels)


def _check(levels, convention):
    if levels < 2:
        raise ValueError(f"mu-law: {levels} levels; 2 or more are needed")
    if convention not in CONVENTIONS:
        raise ValueError(f"mu-law: {convention!r} is none of {', '.join(CONVENTIONS)}")
