"""Phoneme labels for recordings that have transcripts only, by dynamic time warping.

eSpeak NG synthesises each transcript and reports the time of every phoneme; those times are mapped
to the recording along the cheapest path between the cepstra of both signals. This is the method of
Malfrere and Dutoit, "High-quality speech synthesis for phonetic speech segmentation", Eurospeech
1997, pages 2631-2634, and of the aligner aeneas; the path is that of Sakoe and Chiba (1978) without
slope constraints. People pause at other places than eSpeak NG, so pauses are first removed from
both signals, and those of the recording are put back as silence. Words that were pronounced
differently keep eSpeak NG's phonemes.
"""

import dataclasses
import hashlib
import importlib.metadata
import json
import logging
import os
import sys

import numpy as np
import scipy.fft
import tqdm

from tfwave.audio.files import resample
from tfwave.audio.filter_bank import filter_bank
from tfwave.data.builtin import espeak
from tfwave.data.builtin.espeak import ENGINE_RATE
from tfwave.data.builtin.sentences import PHONEMES, SILENCE, Sentence, SentenceReader
from tfwave.data.store import AudioStore
from tfwave.errors import UserError
from tfwave.files import read_json, write_json

RATE = 16000  # Hz of both waveforms
HOP = 160  # samples from frame to frame, 10 ms
_WINDOW, _TRANSFORM = 400, 512  # samples
_BANDS, _LOWEST, _HIGHEST = 40, 60.0, 7600.0  # mel bands and their edges in Hz
_RANGE = 60.0  # dB below the loud frames at which a band counts as silent
_CEPSTRA = 13
_SLOPE_WEIGHT = 3.0  # weight of the slopes (over 50 ms) relative to the cepstra
_PAUSE, _EDGE = 15, 3  # frames of the shortest pause, within and at the ends; closures are shorter
_QUIET, _ABOVE_FLOOR, _LEAST_QUIET = 40.0, 6.0, 25.0  # dB: below loud, above noise, below loud
_LONGEST = 40 * RATE  # samples; the memory grows with the square
_RECIPE = 1  # Increase when the same recordings should get different labels.
_SILENT = PHONEMES.index(SILENCE)
_NAMED = 5
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Transcript:
    """A recording of a store with its transcript.

    Attributes:
      folder: folder of the AudioStore.
      name: name of the recording in the store.
      text: transcript.
    """

    folder: str
    name: str
    text: str


def cepstra(waveform):
    """Compute mean-subtracted mel cepstra and their slopes for every 10 ms of a waveform.

    Args:
      waveform: float32 [time] at RATE; at least HOP samples.

    Returns:
      float64 [time // HOP, 26]; frame i lies around sample (i + 1/2) HOP.
    """
    count = len(waveform) // HOP
    padded = np.pad(waveform, ((_TRANSFORM - HOP) // 2, _TRANSFORM)).astype(np.float64)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _TRANSFORM)[::HOP][:count]
    window = np.pad(np.hanning(_WINDOW), (_TRANSFORM - _WINDOW) // 2)
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    bank = filter_bank(
        RATE, _TRANSFORM, _BANDS, _LOWEST, _HIGHEST, "htk", norm="none", dtype=np.float64
    )
    decibels = 10 * np.log10(np.maximum(power @ bank.T, 1e-12))
    loud = np.percentile(decibels.max(axis=1), 95)
    # This makes digital silence and a quiet room alike.
    bands = np.maximum(decibels, loud - _RANGE)
    cepstrum = np.asarray(scipy.fft.dct(bands, norm="ortho"))[:, :_CEPSTRA]
    cepstrum -= cepstrum.mean(axis=0)
    wide = np.pad(cepstrum, ((2, 2), (0, 0)), mode="edge")
    slopes = (2 * (wide[4:] - wide[:-4]) + wide[3:-1] - wide[1:-3]) / 10
    return np.concatenate([cepstrum, _SLOPE_WEIGHT * slopes], axis=1)


def warp(cost):
    """Find the cheapest monotone path from the first cell of a matrix to its last.

    A step goes to the next row, the next column or, at twice the cost of its cell, to both, so that
    all paths have the same total weight.

    Args:
      cost: float [rows, columns], non-negative; both at least 1.

    Returns:
      int64 [steps, 2], row and column of every cell of the path.
    """
    cost = np.asarray(cost, np.float64)
    total = np.empty_like(cost)
    total[0] = np.cumsum(cost[0])
    for row in range(1, len(cost)):
        here = cost[row]
        entry = total[row - 1] + here  # from above, or diagonally
        entry[1:] = np.minimum(entry[1:], total[row - 1, :-1] + 2 * here[1:])
        # From the cell where it enters a row, the path continues along that row.
        along = np.cumsum(here)
        total[row] = along + np.minimum.accumulate(entry - along)
    row, column = len(cost) - 1, cost.shape[1] - 1
    path = [(row, column)]
    while row and column:
        here = cost[row, column]
        choices = (
            total[row - 1, column - 1] + here,
            total[row - 1, column],
            total[row, column - 1],
        )
        best = choices.index(min(choices))
        row, column = row - (best != 2), column - (best != 1)
        path.append((row, column))
    path.extend((r, 0) for r in range(row - 1, -1, -1))
    path.extend((0, c) for c in range(column - 1, -1, -1))
    return np.array(path[::-1], np.int64)


def find_pauses(waveform):
    """Find the pauses of a waveform.

    A frame is quiet 40 dB below the loud ones or, in a noisy room, 6 dB above the quietest ones but
    25 dB below the loud ones; a pause is 150 ms of quiet frames, at either end 30 ms.

    Args:
      waveform: float32 [time] at RATE; at least HOP samples.

    Returns:
      List of (first frame, one past the last frame) in order; [] if every frame is quiet.
    """
    count = len(waveform) // HOP
    frames = np.asarray(waveform[: count * HOP], np.float64).reshape(count, HOP)
    levels = 10 * np.log10(np.maximum((frames**2).mean(axis=1), 1e-12))
    floor, loud = np.percentile(levels, [5, 95])
    quiet = levels < min(max(loud - _QUIET, floor + _ABOVE_FLOOR), loud - _LEAST_QUIET)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet, [0]])))
    runs = edges.reshape(-1, 2).tolist()
    return [
        (start, stop)
        for start, stop in runs
        if stop - start >= (_EDGE if start == 0 or stop == count else _PAUSE)
    ]


def align(recording, reading, segments):
    """Transfer phoneme labels from one reading of a text to another.

    Args:
      recording: float32 [time] at RATE.
      reading: float32 [time] at RATE.
      segments: segmentation of `reading` (see `tfwave.data.phonemes`) without gaps, numbers of
        PHONEMES.

    Returns:
      Segmentation of the recording, from its first sample to its last: every phoneme of the
      reading, and SILENCE where the recording pauses.

    Raises:
      UserError: without pauses, the recording has fewer frames than the text has phonemes.
    """
    spoken = segments[segments[:, 2] != _SILENT]
    reading = np.concatenate([reading[start:stop] for start, stop, _ in spoken])
    count = len(recording) // HOP
    pauses = find_pauses(recording) if count else []
    voiced = np.ones(count, bool)
    for start, stop in pauses:
        voiced[start:stop] = False
    if voiced.sum() < len(spoken) or len(reading) < HOP:
        raise UserError("too short for their transcripts")
    one, other = cepstra(reading), cepstra(recording)[voiced]
    one[:, :_CEPSTRA] -= one[:, :_CEPSTRA].mean(axis=0)
    other[:, :_CEPSTRA] -= other[:, :_CEPSTRA].mean(axis=0)
    squares = (one**2).sum(axis=1)[:, np.newaxis] + (other**2).sum(axis=1) - 2 * one @ other.T
    path = warp(np.sqrt(np.maximum(squares, 0)))
    # The middle of all frames of the recording that match a frame of the reading.
    places = np.bincount(path[:, 0], path[:, 1]) / np.bincount(path[:, 0])
    starts = np.cumsum(spoken[:, 1] - spoken[:, 0]) - (spoken[:, 1] - spoken[:, 0])
    frames = np.interp(starts / HOP - 0.5, np.arange(len(one)), places) + 0.5
    total = HOP * len(other)
    bounds = np.append(np.round(HOP * frames).astype(np.int64), total)
    bounds[0] = 0
    order = np.arange(len(bounds))  # at least a sample for each
    bounds = np.maximum.accumulate(bounds - order) + order
    bounds = np.minimum(bounds, total - order[::-1])
    rows = _with_pauses(bounds, spoken[:, 2], pauses)
    rows[-1, 1] = len(recording)
    return rows


def _with_pauses(bounds, phonemes, pauses):
    """Put pauses back between phonemes, each where the nearest phoneme begins or ends."""
    bounds, gaps, cut = bounds.copy(), np.zeros(len(bounds), np.int64), 0
    for start, stop in pauses:
        place = HOP * start - cut
        nearest = int(np.argmin(np.abs(bounds - place)))
        bounds[nearest] = place
        gaps[nearest] += HOP * (stop - start)
        cut += HOP * (stop - start)
    later = np.cumsum(gaps)
    rows = []
    for number, bound in enumerate(bounds.tolist()):
        if gaps[number]:
            rows.append([bound + later[number] - gaps[number], bound + later[number], _SILENT])
        if number < len(phonemes):
            stop = bounds[number + 1] + later[number]
            rows.append([bound + later[number], stop, phonemes[number]])
    return np.array(rows, np.int64)


def label_sentences(corpus, cache_dir, progress=True):
    """Label the recordings of a corpus by their transcripts, once; later calls read the labels.

    Args:
      corpus: Corpus with texts.
      cache_dir: folder for the labels.
      progress: show a progress bar.

    Returns:
      The Corpus with segmentations in PHONEMES. Recordings without a transcript, and those whose
      transcript does not fit, have an empty one; they are counted and named in the log.

    Raises:
      UserError: none of the recordings can be labelled.
      OSError: eSpeak NG fails, or cache_dir is not writable.
    """
    splits = corpus.splits.values()
    key = [
        "alignment",
        importlib.metadata.version("espeakng-loader"),
        _RECIPE,
        [[part.fingerprint, part.text] for part in splits],
    ]
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]
    path = os.path.join(os.path.abspath(cache_dir), f"alignment-{digest}.json")
    if not os.path.exists(path):
        write_json(path, _labels(splits, progress))
    labels = read_json(path)
    _report(labels, sum(len(part) for part in splits), corpus.name)
    labelled = {}
    for split, part in corpus.splits.items():
        rows = [labels.get(name, ()) for name in part.store.names]
        rows = [() if isinstance(row, str) else row for row in rows]
        phonemes = tuple(np.array(row, np.int64).reshape(-1, 3) for row in rows)
        labelled[split] = dataclasses.replace(part, phonemes=phonemes)
    return dataclasses.replace(corpus, splits=labelled, phonemes=PHONEMES)


def _labels(splits, progress):
    """Return {name of a recording: its segmentation, or why it has none}."""
    plans, labels = [], {}
    for part in splits:
        for name, text in zip(part.store.names, part.text, strict=True):
            if text:
                plans.append(Transcript(part.store.folder, name, text))
            else:
                labels[name] = "without a transcript"
    answers = espeak.run_workers("tfwave.data.alignment", plans)
    bar = tqdm.tqdm(
        answers,
        "aligning transcripts",
        len(plans),
        unit=" files",
        disable=not progress,
        mininterval=0.5 if sys.stderr.isatty() else 15.0,
    )
    with bar:
        for item, answer in zip(plans, bar, strict=True):
            labels[item.name] = json.loads(answer)
    return labels


def _report(labels, count, corpus):
    reasons = {}
    for name, label in labels.items():
        if isinstance(label, str):
            reasons.setdefault(label, []).append(name)
    for reason, names in sorted(reasons.items()):
        more = " ..." if len(names) > _NAMED else ""
        _log.warning(
            "%s: %d of %d recordings are %s and have no phoneme labels: %s%s",
            corpus,
            len(names),
            count,
            reason,
            ", ".join(sorted(names)[:_NAMED]),
            more,
        )
    if sum(map(len, reasons.values())) == len(labels):
        raise UserError(
            f"{corpus}: not one of the {count} recordings can be labelled: they are "
            + " or ".join(sorted(reasons))
        )


def _label(reader, item, store, number):
    """Return the segmentation of a recording in the samples of its store, or why it has none."""
    samples, spoken = reader.read(Sentence(item.text))
    unknown = sorted({name for *_, name in spoken} - set(PHONEMES))
    if unknown:
        return f"transcribed with sounds that are not English ({' '.join(unknown)})"
    if all(name == SILENCE for *_, name in spoken):
        return "without a word in their transcripts"
    recording = resample(store.waveform(number)[:, 0], store.sample_rate, RATE)
    reading = resample(samples.astype(np.float32) / 32768, ENGINE_RATE, RATE)
    if max(len(recording), len(reading)) > _LONGEST:
        return f"longer than {_LONGEST // RATE} s"
    scale = RATE / ENGINE_RATE
    segments = np.array(
        [[round(a * scale), round(b * scale), PHONEMES.index(name)] for a, b, name in spoken]
    )
    try:
        rows = align(recording, reading, segments)
    except ValueError as error:
        return str(error)
    rows[:, :2] = np.round(rows[:, :2] * (store.sample_rate / RATE))
    return rows.tolist()


def _serve():
    """Align the transcripts on standard input; answer each with JSON."""
    stores = {}
    with SentenceReader() as reader:
        for item in espeak.read_plans(Transcript):
            if item.folder not in stores:
                store = AudioStore(item.folder, read_json(os.path.join(item.folder, "index.json")))
                stores[item.folder] = store, {name: n for n, name in enumerate(store.names)}
            store, numbers = stores[item.folder]
            label = _label(reader, item, store, numbers[item.name])
            espeak.write_answer(json.dumps(label).encode())
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
