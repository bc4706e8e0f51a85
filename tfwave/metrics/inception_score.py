"""Inception score, as in the authors' eval/inception/score.py of WaveGAN (arXiv:1802.04208).

The score of a group of clips is `exp(E_x KL(p(y|x) || p(y)))` with natural logarithms, where
`p(y)` is the mean prediction inside the group. The published value is the mean and the population
standard deviation over 10 groups of 5,000 generated clips. The score rises with the size of a
group, so scores of 5,000 and of 50,000 clips cannot be compared.
"""

import random

import numpy as np


def inception_score(probabilities=None, splits=10, *, logits=None):
    """Score class predictions in consecutive groups.

    Arithmetic is float32, as in the authors' script. Prefer `logits`: a probability of exactly 0
    makes the authors' formula (and this one) NaN, the same prediction as logits never does.

    Args:
      probabilities: array [n, classes], softmax outputs in 0..1. Give this or `logits`.
      splits: number of equal groups; must divide n. Rows i * n / splits onwards form group i, so
        the rows must be in random order (see `authors_order`).
      logits: array [n, classes], unnormalised scores.

    Returns:
      (mean, std): floats over the groups, std with `ddof=0`. The mean lies in 1..classes.

    Raises:
      ValueError: if n is zero or not a multiple of `splits`, the array is not
        two-dimensional, logits are not finite, or not exactly one of the arrays is given.
    """
    if (probabilities is None) == (logits is None):
        raise ValueError("inception_score needs either probabilities or logits")
    if logits is not None:
        log_p = log_softmax(logits)
        p = np.exp(log_p)
    else:
        p = np.asarray(probabilities, np.float32)
        with np.errstate(divide="ignore"):
            log_p = np.log(p)
    if p.ndim != 2:
        raise ValueError(f"predictions must have shape [n, classes], got {list(p.shape)}")
    count = len(p)
    if splits < 1 or count == 0 or count % splits:
        raise ValueError(f"{count} clips cannot be divided into {splits} equal splits")
    size = count // splits
    scores = []
    for start in range(0, count, size):
        group = slice(start, start + size)
        with np.errstate(divide="ignore", invalid="ignore"):
            divergence = p[group] * (log_p[group] - np.log(np.mean(p[group], axis=0)))
        if logits is not None:
            # A class whose probability underflows in every row has marginal 0: 0 * inf.
            divergence = np.where(p[group] > 0, divergence, np.float32(0))
        scores.append(np.exp(np.mean(np.sum(divergence, axis=1))))
    return float(np.mean(scores)), float(np.std(scores))


def log_softmax(logits):
    """Return the log of the softmax over the last axis in float32, finite for finite logits.

    Args:
      logits: array [..., classes].

    Returns:
      float32 array [..., classes], values at most 0.

    Raises:
      ValueError: if a logit is not finite.
    """
    logits = np.asarray(logits, np.float32)
    if not np.all(np.isfinite(logits)):
        raise ValueError("logits must be finite; the classifier gave NaN or infinity")
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


def authors_order(names):
    """Return the order in which the authors' scripts read files.

    They sort the names and shuffle them with Python's generator seeded with 0. Without a shuffle,
    files that are sorted by class score far too low.

    Args:
      names: sequence of file names, or of anything else that sorts.

    Returns:
      List of indices into `names`.
    """
    order = sorted(range(len(names)), key=lambda i: names[i])
    random.Random(0).shuffle(order)
    return order
