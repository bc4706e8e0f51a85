"""|D|self and |D|train: nearest-neighbour distances in log-mel space (arXiv:1802.04208v1, 6.2).

Mean Euclidean distance of every clip to its nearest neighbour, inside the same set (|D|self, low
when a model has collapsed) or in the training set (|D|train, zero when it has memorised). Both are
reported relative to the value of the real test set. Details follow the authors' eval/similarity.
"""

import numpy as np
import tensorflow as tf

from tfwave.audio.mel import log_mel

_QUERY_BLOCK = 1024
_REFERENCE_BLOCK = 512
# Candidates per query and block that are computed exactly. Two are wanted; the others are in
# reserve for neighbours that the quick formula cannot tell apart.
_CANDIDATES = 4


def similarity_features(
    waveforms,
    scaled_as_int16=True,
    slice_len=16384,
    sample_rate=16000,
    frame_length=2048,
    hop_length=128,
    n_mels=128,
    f_min=40.0,
    f_max=7800.0,
    floor=1e-6,
    batch_size=64,
):
    """Compute the log-mel features in which clips are compared.

    The window is twice as long as the digit classifier's, and the authors feed the integers of
    int16 files without scaling, which puts the floor of the logarithm about 90 dB lower. Never mix
    features that were made with different `scaled_as_int16`.

    Args:
      waveforms: array [n, time]. Integers are taken as they are. Floats are in [-1, 1].
      scaled_as_int16: multiply floats by 32768 first, the authors' features of int16 files.
        False gives their features of float files.
      slice_len: clips are cut, or padded with zeros at the end, to this many samples.
      sample_rate: in Hz.
      frame_length: window and transform length, in samples.
      hop_length: samples between two frames.
      n_mels: number of mel bands.
      f_min: lower edge of the first band, in Hz.
      f_max: upper edge of the last band, in Hz.
      floor: added to the mel magnitudes before the logarithm.
      batch_size: clips computed at once; 64 need about 250 MB.

    Returns:
      float32 array [n, ceil(slice_len / hop_length), n_mels].

    Raises:
      ValueError: if `waveforms` is not two-dimensional.
    """
    waveforms = np.asarray(waveforms)
    if waveforms.ndim != 2:
        raise ValueError(f"waveforms must have shape [n, time], got {list(waveforms.shape)}")
    scale = 1.0
    if scaled_as_int16 and np.issubdtype(waveforms.dtype, np.floating):
        scale = 32768.0
    features = np.empty((len(waveforms), -(-slice_len // hop_length), n_mels), np.float32)
    for start in range(0, len(waveforms), batch_size):
        clips = waveforms[start : start + batch_size, :slice_len]
        padded = np.zeros((len(clips), slice_len), np.float32)
        padded[:, : clips.shape[1]] = clips
        features[start : start + batch_size] = log_mel(
            tf.constant(padded * np.float32(scale)),
            sample_rate,
            frame_length,
            hop_length,
            n_mels,
            f_min,
            f_max,
            floor,
        )
    return features


def nearest_distance(query, reference, exclude_self=False):
    """Average the Euclidean distances from every query to its nearest reference.

    Candidates come from blocked matrix products; their distances are then computed from the
    differences in float64, so that equal rows have distance exactly 0. Beyond its arguments and a
    float64 copy of up to 1,024 queries (131 MB for 16,384 numbers each) it needs about 300 MB.

    Args:
      query: array [n, ...]; all axes but the first are flattened.
      reference: array [m, ...] of the same feature shape, or an iterable of such arrays (chunks
        of a set that does not fit in memory), which is read once.
      exclude_self: the two sets are the same one. As in the authors' script a query's nearest
        neighbour is skipped if its distance is exactly 0, and only then. Exact duplicates in
        the set therefore still count with distance 0.

    Returns:
      (mean, std): floats over the queries, std with `ddof=0`.

    Raises:
      ValueError: if the queries are empty, the references are fewer than needed (two with
        `exclude_self`), or the feature sizes differ.
    """
    distances = nearest_distances(query, reference, exclude_self)
    return float(distances.mean()), float(distances.std())


def nearest_distances(query, reference, exclude_self=False):
    """Return the distance of every query to its nearest reference.

    Args:
      query: see `nearest_distance`.
      reference: see `nearest_distance`.
      exclude_self: see `nearest_distance`.

    Returns:
      float64 array [n].

    Raises:
      ValueError: see `nearest_distance`.
    """
    query = _flat(query)
    if not len(query):
        raise ValueError("nearest_distance needs at least one query")
    # Distances do not change when both sets are moved, and rounding errors of the quick formula
    # shrink with the length of the vectors.
    centre = query[:_QUERY_BLOCK].mean(axis=0, dtype=np.float64)
    best = np.full((len(query), 2), np.inf)
    count = 0
    for chunk in [reference] if isinstance(reference, np.ndarray) else reference:
        chunk = _flat(chunk)
        if len(chunk) and chunk.shape[1] != query.shape[1]:
            raise ValueError(f"queries have {query.shape[1]} features, references {chunk.shape[1]}")
        for start in range(0, len(chunk), _REFERENCE_BLOCK):
            _merge_block(best, query, chunk[start : start + _REFERENCE_BLOCK], centre)
        count += len(chunk)
    if count < 1 + exclude_self:
        raise ValueError(f"nearest_distance needs at least {1 + exclude_self} references")
    best = np.sqrt(best)
    if exclude_self:
        return np.where(best[:, 0] == 0, best[:, 1], best[:, 0])
    return best[:, 0]


def _flat(features):
    features = np.asarray(features)
    return features.reshape(len(features), int(np.prod(features.shape[1:])))


def _merge_block(best, query, block, centre):
    """Update the two smallest squared distances `best` [n, 2] with a block of references."""
    exact = block.astype(np.float64)
    moved = exact - centre
    norms = np.einsum("ij,ij->i", moved, moved)
    nearest_count = min(_CANDIDATES, len(block))
    for start in range(0, len(query), _QUERY_BLOCK):
        rows = query[start : start + _QUERY_BLOCK] - centre
        row_norms = np.einsum("ij,ij->i", rows, rows)
        quick = row_norms[:, np.newaxis] + norms - 2.0 * (rows @ moved.T)
        nearest = np.argpartition(quick, nearest_count - 1, axis=1)[:, :nearest_count]
        quick = np.take_along_axis(quick, nearest, axis=1)
        slack = 1e-9 * (row_norms + norms.max())
        current = best[start : start + _QUERY_BLOCK]
        for i in np.flatnonzero(quick.min(axis=1) <= current[:, 1] + slack):
            chosen = nearest[i, quick[i] <= current[i, 1] + slack[i]]
            difference = query[start + i].astype(np.float64) - exact[chosen]
            squared = np.einsum("ij,ij->i", difference, difference)
            current[i] = np.sort(np.concatenate([current[i], squared]))[:2]
