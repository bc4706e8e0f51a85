"""Time-aligned phoneme labels, and the phone sets of TIMIT.

A segmentation is an int64 array [segments, 3] of first sample, one past the last sample, and number
of the phoneme in a tuple of names. The folding of TIMIT's 61 phones to 48 for training and to 39
for scoring is that of Lee and Hon, "Speaker-independent phone recognition using hidden Markov
models", IEEE Transactions on Acoustics, Speech and Signal Processing 37 (11), 1989.
"""

import numpy as np

from tfwave.errors import UserError

TIMIT_61 = tuple(
    "aa ae ah ao aw ax ax-h axr ay b bcl ch d dcl dh dx eh el em en eng epi er ey f g gcl h# hh hv "
    "ih ix iy jh k kcl l m n ng nx ow oy p pau pcl q r s sh t tcl th uh uw ux v w y z zh".split()
)
_TO_48 = {
    "ax-h": "ax",
    "axr": "er",
    "hv": "hh",
    "ux": "uw",
    "em": "m",
    "nx": "n",
    "eng": "ng",
    "pcl": "cl",
    "tcl": "cl",
    "kcl": "cl",
    "bcl": "vcl",
    "dcl": "vcl",
    "gcl": "vcl",
    "h#": "sil",
    "pau": "sil",
    "q": None,
}
_TO_39 = {
    "ao": "aa",
    "ax": "ah",
    "ix": "ih",
    "el": "l",
    "en": "n",
    "zh": "sh",
    "cl": "sil",
    "vcl": "sil",
    "epi": "sil",
}
TIMIT_48: tuple[str, ...] = tuple(sorted({_TO_48.get(phone, phone) for phone in TIMIT_61} - {None}))
TIMIT_39 = tuple(sorted({_TO_39.get(phone, phone) for phone in TIMIT_48}))
UNLABELLED = -1


def fold(phone, phones):
    """Return the phone of a smaller set that stands for `phone`, None for the glottal stop.

    Args:
      phone: a name of TIMIT_61 or TIMIT_48.
      phones: TIMIT_48 or TIMIT_39; any other set is kept as it is.

    Raises:
      UserError: the phone folds to none of the set.
    """
    folded = phone
    if phones in (TIMIT_48, TIMIT_39):
        folded = _TO_48.get(folded, folded)
    if phones == TIMIT_39:
        folded = _TO_39.get(folded, folded)
    if folded is not None and folded not in phones:
        raise UserError(f"{phone!r} is no phone that folds to one of {len(phones)} phones")
    return folded


def fold_table(source, target):
    """Map the numbers of one phone set to those of a smaller one.

    Args:
      source: names, such as TIMIT_61.
      target: TIMIT_48, TIMIT_39 or `source` itself.

    Returns:
      int32 array [len(source)], UNLABELLED (-1) where a phone is dropped.

    Raises:
      UserError: a source phone folds to none of the target.
    """
    folded = [fold(phone, target) for phone in source]
    return np.array([UNLABELLED if f is None else target.index(f) for f in folded], np.int32)


def frame_phonemes(segments, start, frames, frame_length):
    """Label each frame of a clip with the phoneme at its middle.

    Args:
      segments: segmentation, in time order.
      start: sample at which the first frame starts; may be negative.
      frames: number of frames.
      frame_length: samples of each.

    Returns:
      int32 [frames] phoneme numbers, UNLABELLED (-1) outside every segment.
    """
    middles = start + np.arange(frames) * frame_length + frame_length / 2
    labels = np.full(frames, UNLABELLED, np.int32)
    if len(segments):
        rows = np.searchsorted(segments[:, 0], middles, side="right") - 1
        inside = (rows >= 0) & (middles < segments[rows, 1])
        labels[inside] = segments[rows[inside], 2]
    return labels


def spoken_phonemes(segments, start, stop):
    """Return the phonemes whose middle lies in samples start..stop, int32 [count], in order."""
    middles = (segments[:, 0] + segments[:, 1]) / 2
    return segments[(middles >= start) & (middles < stop), 2].astype(np.int32)


def read_phn(path, phones, from_rate, to_rate):
    """Read a segmentation as TIMIT writes it: lines of first sample, last sample and phone.

    Args:
      path: the .PHN file.
      phones: names that may occur.
      from_rate: Hz of the samples in the file.
      to_rate: Hz of the samples returned.

    Returns:
      Segmentation, int64 [segments, 3].

    Raises:
      UserError: a line has another form; the message names file and line.
      OSError: the file cannot be read.
    """
    rows, numbers = [], {phone: number for number, phone in enumerate(phones)}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line_number, line in enumerate(file, 1):
            words = line.split()
            if not words:
                continue
            if len(words) != 3 or not words[0].isdigit() or not words[1].isdigit():
                raise UserError(f"{path}: line {line_number} is not 'start stop phone'")
            start, stop, phone = int(words[0]), int(words[1]), words[2].lower()
            if phone not in numbers:
                raise UserError(f"{path}: line {line_number} has the unknown phone {phone!r}")
            if stop < start or rows and start < rows[-1][0]:
                raise UserError(f"{path}: line {line_number} goes back in time")
            rows.append((start, stop, numbers[phone]))
    segments = np.array(rows, np.int64).reshape(-1, 3)
    segments[:, :2] = np.round(segments[:, :2] * (to_rate / from_rate)).astype(np.int64)
    return segments
