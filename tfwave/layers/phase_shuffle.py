"""Phase shuffle: random shifts that hide the phase of upsampling artifacts from a critic."""

import math

import tensorflow as tf


def phase_shuffle(x: tf.Tensor, shifts: tf.Tensor, radius: int) -> tf.Tensor:
    """Shift the time axis by whole frames and fill the gap by reflection.

    A positive shift delays: y[t] = x[t - shift]; the missing frames mirror their neighbours without
    repeating the edge. Follows `apply_phaseshuffle` of the authors' wavegan.py, where one shift is
    shared by all clips and channels of a batch; the figure of the paper (arXiv:1802.04208, section
    3.4) shows one for each channel.

    Args:
      x: [batch, time, ...].
      shifts: int32 [groups], each in -radius..radius. The batch consists of `groups` equal parts,
        each shifted as a whole, so that several passes of a critic can share one batch.
      radius: the largest shift, in frames.

    Returns:
      A tensor of x's shape.
    """
    # Two axes after the batch axis are enough, and mirroring more of them is slow.
    flat = tf.reshape(x, [-1, x.shape[1], math.prod(x.shape[2:])])
    padded = tf.pad(flat, [[0, 0], [radius, radius], [0, 0]], mode="REFLECT")
    groups = shifts.shape[0]
    parts = tf.split(padded, groups) if groups > 1 else [padded]
    start = radius - shifts
    moved = [
        tf.slice(part, [0, start[g], 0], [-1, *flat.shape[1:]]) for g, part in enumerate(parts)
    ]
    shuffled = tf.concat(moved, axis=0) if groups > 1 else moved[0]
    return tf.reshape(shuffled, [-1, *x.shape[1:]])
