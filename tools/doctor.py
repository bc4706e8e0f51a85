r"""Examine a folder of audio and report what the training pipeline will make of it.

    python tools/doctor.py data/speech_commands
    python tools/doctor.py my_recordings --all --pad_end --first_slice

One pass over all files: what is broken, short, silent, clipped, stereo, at another rate, the same
audio twice, or begins and ends with silence; which layout was recognised and which columns it has
(labels, speakers, texts, phonemes, pitches, instruments, domains, sources); and whether each file
will be padded, cut, left out, resampled or mixed down. Nothing is changed.
"""

import collections
import concurrent.futures
import dataclasses
import hashlib
import json
import os
import sys

import numpy as np
import tqdm
from absl import flags

from tfwave import cli
from tfwave.audio.files import AudioFileError, decode
from tfwave.data.layouts.layout import SPLITS
from tfwave.data.layouts.recognize import recognize_layout
from tfwave.data.slices import SliceConfig, slice_table
from tfwave.errors import UserError

SILENT = 1e-3  # Peak of -60 dB: inaudible.
QUIET = 10 ** (-30 / 20)
FULL_SCALE = 32766.5 / 32768
CLIPPED_RUN = 3  # Consecutive samples at full scale.
SILENCE_AT_END = 0.25  # Seconds worth reporting.
_NAMED = 10

_SAMPLE_RATE = flags.DEFINE_integer(
    "sample_rate", 16000, "Rate of the pipeline in Hz.", lower_bound=1
)
_CHANNELS = flags.DEFINE_integer("channels", 1, "Channels of the pipeline.", lower_bound=1)
_SLICE_LEN = flags.DEFINE_integer("slice_len", 16384, "Samples per slice.", lower_bound=1)
# The defaults of these flags depend on the recognised layout.
_FIRST_SLICE = flags.DEFINE_bool("first_slice", None, "Use the first slice of a file only.")
_PAD_END = flags.DEFINE_bool("pad_end", None, "Fill the last slice with zeros.")
_OVERLAP = flags.DEFINE_float("overlap", None, "Part that consecutive slices share, 0 to 1.")
_ALL = flags.DEFINE_bool("all", False, "List every file, not the first ten of each kind.")
_JSON = flags.DEFINE_bool("json", False, "Print one JSON object instead of text.")
_STRICT = flags.DEFINE_bool("strict", False, "Exit with 1 if a file is broken.")

# The findings, in the order of the report.
TITLES = {
    "broken": "unreadable",
    "channels_refused": "with channels that cannot be converted",
    "leak": "same audio in two splits",
    "duplicate": "same audio as another file",
    "silent": "silent (peak below -60 dB)",
    "quiet": "very quiet (peak below -30 dB)",
    "clipped": "clipped",
    "over": "beyond full scale",
    "unused": "too short to give a slice",
    "short": "shorter than a slice",
    "long": "longer than a slice",
    "rate": "at another sample rate",
    "channels": "with another number of channels",
    "leading_silence": "beginning with silence",
    "trailing_silence": "ending with silence",
}
# Reported once when true of every file.
_UNIFORM = ("rate", "channels")


@dataclasses.dataclass(frozen=True)
class Examined:
    """Facts about one file; everything but name, path and reason is None if it is broken."""

    name: str
    reason: str = ""
    frames: int = 0
    sample_rate: int = 0
    channels: int = 0
    peak: float = 0.0
    clipped_runs: int = 0
    leading: float = 0.0
    trailing: float = 0.0
    digest: str = ""

    @property
    def seconds(self):
        """Return the length in seconds."""
        return self.frames / self.sample_rate if self.sample_rate else 0.0


def examine(path, name):
    """Decode a file and measure it.

    Args:
      path: audio file.
      name: its name in the report.

    Returns:
      Examined.
    """
    try:
        waveform, rate = decode(path)
    except AudioFileError as error:
        return Examined(name, error.reason)
    peak = float(np.max(np.abs(waveform)))
    # Imported late: it loads TensorFlow, which a mistyped flag need not wait for.
    from tfwave.compat import trim_silence

    # Relative to the peak: an absolute level would call quiet recordings empty.
    start, stop = trim_silence(waveform, max(SILENT, 0.05 * peak)) if peak > SILENT else (0, 0)
    return Examined(
        name=name,
        frames=len(waveform),
        sample_rate=rate,
        channels=waveform.shape[1],
        peak=peak,
        clipped_runs=count_runs(np.abs(waveform) >= FULL_SCALE, CLIPPED_RUN),
        leading=start / rate if stop else 0.0,
        trailing=(len(waveform) - stop) / rate if stop else 0.0,
        digest=hashlib.blake2b(
            waveform.tobytes() + bytes(f"{rate},{waveform.shape[1]}", "ascii"), digest_size=16
        ).hexdigest(),
    )


def count_runs(marked, length):
    """Count runs of at least `length` consecutive true frames in bool `[frames, channels]`."""
    if not marked.any():
        return 0
    edges = np.diff(np.pad(marked.astype(np.int8), ((1, 1), (0, 0))), axis=0).T
    starts = np.nonzero(edges == 1)
    stops = np.nonzero(edges == -1)
    return int(np.sum(stops[1] - starts[1] >= length))


def diagnose(layout, files, slices, sample_rate, channels):
    """Sort files by their problems and describe what happens to each.

    Args:
      layout: Layout of the folder.
      files: list of Examined, one per recording of the layout.
      slices: SliceConfig.
      sample_rate: of the pipeline, Hz.
      channels: of the pipeline.

    Returns:
      Dict from a key of TITLES to a list of (name, sentence).
    """
    found = {key: [] for key in TITLES}
    usable = [file for file in files if not file.reason]
    for file in files:
        if file.reason:
            found["broken"].append((file.name, f"{file.reason}: left out"))
            continue
        for key, sentence in _remarks(file, slices, sample_rate, channels):
            found[key].append((file.name, sentence))
    groups = collections.defaultdict(list)
    splits = [item.split for item in layout.recordings]
    split_of = {file.name: split for file, split in zip(files, splits, strict=True)}
    for file in usable:
        groups[file.digest].append(file.name)
    for names in groups.values():
        key = "leak" if len({split_of[name] for name in names}) > 1 else "duplicate"
        for name in names[1:]:
            found[key].append((name, f"same audio as {names[0]}: both are used"))
    return found


def _remarks(file, slices, sample_rate, channels):
    """Yield (key, sentence) for everything notable about a readable file."""
    if file.channels != channels:
        if channels == 1:
            yield "channels", f"{file.channels} channels: averaged to one"
        elif file.channels == 1:
            yield "channels", f"1 channel: copied to {channels}"
        else:
            yield "channels_refused", f"{file.channels} channels, not 1 or {channels}: left out"
            return
    if file.sample_rate != sample_rate:
        yield "rate", f"{file.sample_rate} Hz: resampled to {sample_rate} Hz"
    decibels = 20 * np.log10(max(file.peak, 1e-9))
    if file.peak < SILENT:
        yield "silent", f"peak {decibels:.0f} dB: used as it is"
    elif file.peak < QUIET:
        yield "quiet", f"peak {decibels:.0f} dB: used as it is"
    if file.clipped_runs:
        yield "clipped", f"{file.clipped_runs} places at full scale: used as it is"
    if file.peak > 1.0:
        yield "over", f"peak {file.peak:.2f}: used as it is"
    if file.leading > SILENCE_AT_END:
        yield "leading_silence", f"{file.leading:.2f} s before the sound: kept"
    if file.trailing > SILENCE_AT_END:
        yield "trailing_silence", f"{file.trailing:.2f} s after the sound: kept"
    yield from _length_remarks(file, slices, sample_rate)


def _length_remarks(file, slices, sample_rate):
    frames = round(file.frames * sample_rate / file.sample_rate)
    count = len(slice_table([frames], dataclasses.replace(slices, random_offset=False), 0, 0))
    missing = slices.slice_len - frames
    if count == 0:
        yield "unused", f"{file.seconds:.2f} s: skipped, --pad_end would use it"
    elif missing > 0:
        yield "short", f"{file.seconds:.2f} s: {missing / sample_rate:.2f} s of zeros added"
    elif missing < 0:
        if slices.first_slice:
            yield "long", f"{file.seconds:.2f} s: cut to the first {slices.slice_len} samples"
        else:
            yield "long", f"{file.seconds:.2f} s: cut into {count} slices"


def summarise(layout, files, slices, sample_rate, channels):
    """Collect the figures at the head of the report in a JSON-able dict."""
    usable = [file for file in files if not file.reason]
    seconds = np.array([file.seconds for file in usable])
    frames = [round(file.frames * sample_rate / file.sample_rate) for file in usable]
    table = slice_table(frames, dataclasses.replace(slices, random_offset=False), 0, 0)
    splits, columns = [item.split for item in layout.recordings], layout.counts()
    return {
        "folder": layout.folder,
        "layout": layout.title,
        "files": len(files),
        "ignored": layout.ignored,
        "readable": len(usable),
        "hours": float(seconds.sum() / 3600),
        "seconds": {
            "shortest": float(seconds.min()),
            "median": float(np.median(seconds)),
            "longest": float(seconds.max()),
        }
        if usable
        else {},
        "splits": {s: n for s in SPLITS if (n := splits.count(s))},
        "labels": columns.get("labels", {}),
        "columns": columns,
        "sample_rates": _counts(file.sample_rate for file in usable),
        "channels": _counts(file.channels for file in usable),
        "pipeline": {
            "sample_rate": sample_rate,
            "channels": channels,
            **dataclasses.asdict(slices),
        },
        "slices": len(table),
    }


def _counts(values):
    return {str(value): count for value, count in sorted(collections.Counter(values).items())}


def describe(summary, found, every):
    """Return the report as text: the summary, the counts, then the lists."""
    lines = [f"{summary['folder']}", f"recognised as {summary['layout']}"]
    total = f"{summary['files']:,} audio files, {summary['hours']:.2f} hours"
    if summary["ignored"]:
        total += f" ({summary['ignored']:,} others do not belong to the corpus and are ignored)"
    lines.append(total)
    if summary["seconds"]:
        lines.append(
            "length {shortest:.2f} to {longest:.2f} s, median {median:.2f} s".format(
                **summary["seconds"]
            )
        )
    facts = {"splits": _listed(summary["splits"]) or "none: valid and test files are held out"}
    for plural, counts in summary["columns"].items():
        if isinstance(counts, dict):
            facts[plural] = f"{len(counts):,} ({_listed(counts, every)})"
        else:
            facts[plural] = f"{counts:,} of {summary['files']:,} files"
    facts["rates"] = _listed({f"{r} Hz": n for r, n in summary["sample_rates"].items()})
    facts["channels"] = _listed(summary["channels"])
    lines += [f"{name:11} {text}" for name, text in facts.items()]
    lines += [
        "",
        "the pipeline: " + _plan(summary["pipeline"]),
        f"that gives {summary['slices']:,} slices",
    ]
    if not summary["slices"]:
        lines.append("NOTHING TO TRAIN ON: use --first_slice --pad_end for clips this short")
    lines.append("")
    counts = {key: len(items) for key, items in found.items() if items}
    if not counts:
        lines.append("nothing to remark on")
    for key, count in counts.items():
        lines.append(f"{count:8,}  {TITLES[key]}")
    for key, count in counts.items():
        if key in _UNIFORM and count == summary["readable"] and not every:
            continue
        items = found[key]
        shown = items if every else items[:_NAMED]
        lines += ["", f"{TITLES[key]}:"]
        lines += [f"  {name}: {sentence}" for name, sentence in shown]
        if len(shown) < len(items):
            lines.append(f"  and {len(items) - len(shown):,} more (--all lists them)")
    return "\n".join(lines)


def _listed(counts, every=True):
    items = [f"{key}: {count:,}" for key, count in counts.items()]
    return ", ".join(items if every else items[:_NAMED] + ["..."] * (len(items) > _NAMED))


def _plan(pipeline):
    which = "the first slice" if pipeline["first_slice"] else "consecutive slices"
    text = (
        f"{pipeline['sample_rate']} Hz, {pipeline['channels']} channel(s), {which} of "
        f"{pipeline['slice_len']} samples"
    )
    if pipeline["overlap"]:
        text += f", overlapping by {pipeline['overlap']:.0%}"
    if pipeline["random_offset"] and not pipeline["first_slice"]:
        text += ", from a random start in every epoch"
    return text + (", the last filled with zeros" if pipeline["pad_end"] else ", the rest dropped")


def consult(data_dir, sample_rate=16000, channels=1, progress=False, **chosen):
    """Examine a whole folder.

    Args:
      data_dir: the folder.
      sample_rate: of the pipeline, Hz.
      channels: of the pipeline.
      progress: show a progress bar.
      **chosen: fields of SliceConfig in place of the layout's.

    Returns:
      Pair of the summary (JSON-able dict) and a dict from keys of TITLES to (name, sentence).
    """
    layout = recognize_layout(data_dir)
    if chosen.get("first_slice") is False:
        chosen.setdefault("random_offset", True)
    slices = dataclasses.replace(layout.slices or SliceConfig(), **chosen)
    paths = [item.path for item in layout.recordings]
    names = [os.path.relpath(path, layout.folder) for path in paths]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        files = list(
            tqdm.tqdm(
                pool.map(examine, paths, names),
                "examining",
                len(names),
                unit=" files",
                mininterval=0.5,
                disable=not progress,
            )
        )
    found = diagnose(layout, files, slices, sample_rate, channels)
    return summarise(layout, files, slices, sample_rate, channels), found


def main(argv):
    """Run the script."""
    if len(argv) != 2:
        raise UserError("give one folder to examine, as in: doctor.py DIR")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    chosen = {
        flag.name: flag.value
        for flag in (_SLICE_LEN, _FIRST_SLICE, _PAD_END, _OVERLAP)
        if flag.value is not None
    }
    summary, found = consult(
        argv[1],
        _SAMPLE_RATE.value,
        _CHANNELS.value,
        progress=sys.stderr.isatty() and not _JSON.value,
        **chosen,
    )
    if _JSON.value:
        remarks = {
            key: [{"file": name, "remark": text} for name, text in items]
            for key, items in found.items()
        }
        print(json.dumps({**summary, "remarks": remarks}, indent=2))
    else:
        print(describe(summary, found, _ALL.value))
    return 1 if _STRICT.value and (found["broken"] or found["channels_refused"]) else 0


if __name__ == "__main__":
    cli.run(main)
