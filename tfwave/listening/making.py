"""Make the folder of a listening test: clips under random names, attention checks, test.json.

Attention checks are rows of short tones. They sound like nothing that is rated, need no language,
and have one right answer, which the first page explains: for a single clip the number of tones,
for a pair the side that has them. Digits are checked besides by a warm-up of real recordings
whose digit is known, where there are any: it shows that a listener understands the digits.
"""

import dataclasses
import hashlib
import io
import math
import os
import pathlib
import secrets
import shutil

import numpy as np
import soundfile

from tfwave.audio.files import decode
from tfwave.errors import UserError
from tfwave.listening import folder as folders
from tfwave.listening import protocols, sources

_TONES_RATE = 16000  # Hz
_TONES = {"digits": range(2, 7), "mos": range(1, 6), "pairs": range(3, 8)}
_SOUND_CHECK = range(2, 6)
_WARMUPS = 10
_FULL_SCALE = 32767 / 32768


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of a test, apart from its clips.

    Attributes:
      clips: at most this many items of each system; 0 for all.
      items: items that one listener rates; 0 for the protocol's number.
      level: RMS in dB of full scale that every clip is brought to; None leaves them as they are.
      question: other words for the question; "" for the protocol's.
      choices: degrees of a comparison; 0 for the table's.
      language: part of a column's key, for tables with a column for each language.
      pass_mark: share of the attention checks that a listener must answer rightly.
    """

    clips: int = 0
    items: int = 0
    level: float | None = None
    question: str = ""
    choices: int = 0
    language: str = ""
    pass_mark: float = 0.75


def make(source, kind, out, options):
    """Make the folder of a test; it appears whole or not at all.

    Args:
      source: `sources.Source`.
      kind: one of `protocols.KINDS`.
      out: folder to make.
      options: `Options`.

    Returns:
      (the `ListeningTest`, sentences on what the reader should know).

    Raises:
      UserError: the source does not fit the kind, a clip cannot be read, or `out` is there.
      OSError: a file cannot be written.
    """
    out = pathlib.Path(out)
    if kind not in protocols.KINDS:
        raise UserError(f"--kind must be one of {', '.join(protocols.KINDS)}, not {kind!r}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: is there already; a test is never changed, make it elsewhere")
    if not 0 <= options.pass_mark <= 1:
        raise UserError(f"--pass_mark must lie between 0 and 1, not {options.pass_mark:g}")
    columns = _columns(source, kind, options.language)
    choices = options.choices or protocols.default_choices(columns)
    question = protocols.item_question(kind, options.question, choices)
    groups = [
        dataclasses.replace(group, items=group.items[: options.clips or None])
        for group in _groups(source, kind)
    ]
    partial = out.parent / f".{out.name}.{secrets.token_hex(4)}.partial"
    partial.mkdir(parents=True)
    try:
        made = _Maker(partial, kind, question, options).make(source, groups, columns)
        folders.write(partial, made)
        os.replace(partial, out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    test = folders.read(out)
    return test, [*source.notes, *_notes(test, source)]


def _columns(source, kind, language):
    if source.table is None:
        return protocols.OWN_COLUMNS[kind]
    return protocols.columns_for(kind, list(source.table.columns), language)


def _groups(source, kind):
    """Return the `sources.Group`s that a test of this kind rates."""
    if kind == "pairs":
        groups = source.pairs or sources.compared(source.groups)
        if not groups:
            raise UserError("a comparison needs two systems, and there is one")
        return groups
    if not source.groups:
        raise UserError(f"all rows of {source.table.folder} are pairs; make it with --kind=pairs")
    for group in source.groups:
        for (clip,) in group.items:
            if kind == "digits" and clip.digit is None:
                help_with_files = (
                    ""
                    if source.table
                    else (
                        "; name files like seven_001.wav, or put "
                        f"{sources.LABELS} with lines FILE,DIGIT into the folder"
                    )
                )
                raise UserError(f"{clip.origin}: nothing says which digit it is{help_with_files}")
    return source.groups


def _notes(test, source):
    """List facts that are easily overlooked."""
    rates = {}
    for item in test.having(folders.ITEM):
        for clip in item.clips:
            rates.setdefault(test.clips[clip]["sample_rate"], set()).add(item.group)
    if len(rates) > 1:
        yield "sample rates differ: " + "; ".join(
            f"{rate} Hz ({', '.join(sorted(names))})" for rate, names in sorted(rates.items())
        )
    if source.table is None:
        return
    filled = test.columns.values()
    left = [key for key in source.table.columns if key not in filled]
    if not filled:
        yield "the table has no column for this kind: results can be printed, but not filled in"
    elif left:
        yield f"fills the column {', '.join(filled)} and leaves {', '.join(left)}"


class _Maker:
    """Builder of a test's folder: copies the clips and lists its items."""

    def __init__(self, path, kind, question, options):
        self._path, self._kind, self._question, self._options = path, kind, question, options
        self._clips, self._items, self._known, self._levels = {}, {}, {}, []
        (path / folders.CLIPS).mkdir()

    def make(self, source, groups, columns):
        """Write all clips; returns the content of test.json."""
        for group in groups:
            for item in group.items:
                self._add(
                    folders.ITEM,
                    [self._copy(clip) for clip in item],
                    group.key,
                    truth=item[0].digit if self._kind == "digits" else None,
                )
        if self._kind == "digits":
            for clip in source.recordings[:_WARMUPS]:
                if clip.digit is not None:
                    self._add(folders.WARMUP, [self._copy(clip)], right=[clip.digit])
        self._add_checks()
        sound_check = {self._write_tones(count): count for count in _SOUND_CHECK}
        size, items = self._sizes(groups)
        return {
            "kind": self._kind,
            "title": source.title,
            "question": dataclasses.asdict(self._question),
            "set_questions": [dataclasses.asdict(q) for q in protocols.set_questions(self._kind)],
            "items": self._items,
            "groups": {group.key: group.label for group in groups},
            "clips": self._clips,
            "sound_check": sound_check,
            "items_per_rater": items,
            "set_size": size,
            "pass_mark": self._options.pass_mark,
            "columns": columns,
            "pm_is": {key: source.table.pm_is.get(key, "") for key in columns.values()}
            if source.table
            else {},
        }

    def _sizes(self, groups):
        """Return (items of a set, items that one listener rates)."""
        counts = [len(group.items) for group in groups]
        wanted = self._options.items or protocols.ITEMS_PER_RATER[self._kind]
        if self._kind != "digits":
            return 0, min(wanted, sum(counts))
        size = min(protocols.SET_SIZE, wanted, *counts)
        sets = min(max(1, wanted // size), sum(count // size for count in counts))
        return size, sets * size

    def _add(self, role, clips, group="", truth=None, right=()):
        self._items[f"{role}{len(self._items):05d}"] = {
            "role": role,
            "group": group,
            "clips": clips,
            "truth": truth,
            "right": list(right),
        }

    def _add_checks(self):
        """Add the rows of tones; for pairs beside a clip that is rated."""
        rated = [item["clips"][0] for item in self._items.values()]
        for place, count in enumerate(_TONES[self._kind]):
            tones = self._write_tones(count)
            if self._kind != "pairs":
                self._add(folders.CHECK, [tones], right=[count])
                continue
            beside = rated[place * len(rated) // len(_TONES[self._kind])]
            # Any degree on the side of the tones will do.
            side = range(1, len(self._question.labels) // 2 + 1)
            self._add(folders.CHECK, [tones, beside], right=side)

    def _copy(self, clip):
        """Copy a clip as 16-bit wav without anything else that its file holds; returns its id."""
        if clip.path not in self._known:
            waveform, rate = decode(clip.path)
            self._levels.append(_rms(waveform))
            if self._options.level is not None:
                waveform = _at_level(waveform, self._options.level, clip)
            self._known[clip.path] = self._write(waveform, rate, clip.origin)
        return self._known[clip.path]

    def _write_tones(self, count):
        # As loud as the clips, so that the volume that suits them suits the clips as well.
        level = self._options.level
        if level is None:
            heard = [20 * math.log10(x) for x in self._levels if x > 0]
            level = min(max(float(np.median(heard)) if heard else -26, -40), -16)
        return self._write(tones(count, level), _TONES_RATE, f"{count} tones")

    def _write(self, waveform, rate, origin):
        """Write [time, channels] under a random name; returns the name."""
        name = secrets.token_hex(16)
        samples = np.clip(np.round(waveform * 32768.0), -32768, 32767).astype(np.int16)
        buffer = io.BytesIO()
        soundfile.write(buffer, samples, rate, format="WAV", subtype="PCM_16")
        data = buffer.getvalue()
        (self._path / folders.CLIPS / f"{name}.wav").write_bytes(data)
        self._clips[name] = {
            "origin": origin,
            "sample_rate": rate,
            "seconds": round(len(waveform) / rate, 3),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        return name


def _rms(waveform):
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))


def _at_level(waveform, level, clip):
    """Scale a clip to an RMS in dB of full scale; refuses to clip it."""
    rms = _rms(waveform)
    if rms == 0:
        return waveform
    scaled = waveform * (10 ** (level / 20) / rms)
    peak = float(np.abs(scaled).max())
    if peak > _FULL_SCALE:
        most = math.floor(10 * (level - 20 * math.log10(peak))) / 10
        raise UserError(f"--level={level:g} would clip {clip.origin}; it can be {most:g} at most")
    return scaled


def tones(count, level):
    """Make a row of short tones of 600 Hz.

    Args:
      count: how many, four in three seconds.
      level: RMS of a tone in dB of full scale.

    Returns:
      float [time, 1] at 16 kHz.
    """
    rate, length = _TONES_RATE, 0.3
    time = np.arange(int(length * rate)) / rate
    edge = np.clip(np.minimum(time, length - time) / 0.02, 0, 1)
    tone = np.sqrt(2) * 10 ** (level / 20) * np.sin(2 * np.pi * 600 * time)
    one = np.concatenate([tone * np.sin(np.pi / 2 * edge) ** 2, np.zeros(int(0.45 * rate))])
    return np.concatenate([np.zeros(int(0.2 * rate)), *[one] * count])[:, np.newaxis]
