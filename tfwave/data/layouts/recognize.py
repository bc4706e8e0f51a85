"""Recognition of a folder's layout, and the choice of its held-out files."""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterable

from tfwave.audio.files import require_audio
from tfwave.data.layouts.clips import clip_folder, free_spoken_digits, sc09, speech_commands
from tfwave.data.layouts.domains import paired_domains
from tfwave.data.layouts.layout import SPLITS, Layout, Recording, relative
from tfwave.data.layouts.mixtures import mixtures
from tfwave.data.layouts.notes import nsynth
from tfwave.data.layouts.speech import ljspeech, speech_folder, timit, vctk
from tfwave.errors import UserError

# Functions of (absolute path of a folder, paths of the audio in it) that return a Layout, or None.
# The last of each tuple takes any folder.
LAYOUTS = (
    sc09,
    speech_commands,
    free_spoken_digits,
    nsynth,
    mixtures,
    timit,
    vctk,
    ljspeech,
    paired_domains,
    speech_folder,
)
# Layouts for tables of short clips and for tables of speech: a model of speech has no use for
# digits' labels, and a model of clips none for speakers.
CLIPS = (sc09, speech_commands, free_spoken_digits, clip_folder)
SPEECH = (timit, vctk, ljspeech, speech_folder)


def recognize_layout(
    path: str | os.PathLike, layouts: Iterable[Callable[[str, list[str]], Layout | None]] = LAYOUTS
) -> Layout:
    """Recognise the layout of a folder from names alone.

    Args:
      path: the folder.
      layouts: layouts to look for, of which the first that fits is taken: LAYOUTS, CLIPS or SPEECH.

    Returns:
      Layout.

    Raises:
      OSError: the folder is missing or unreadable.
      UserError: there is no audio in it, or a file that describes the audio is broken.
    """
    folder = os.path.abspath(os.fspath(path))
    paths = require_audio(folder)
    return next(layout for look in layouts if (layout := look(folder, paths)) is not None)


def divide_by_speakers(layout: Layout) -> Layout:
    """Divide speakers among the splits: a twentieth, at least one, each to valid and to test.

    Recordings without a speaker are left out. A layout of fewer than three speakers stays as it
    is; its title says so.
    """
    speakers = layout.names("speaker")
    if len(speakers) < 3:
        remark = " of fewer than three speakers, so those of the test are heard in training"
        return dataclasses.replace(layout, title=layout.title + remark)
    order = sorted(speakers, key=lambda name: hashlib.sha256(name.encode()).digest())
    size = max(1, len(order) * layout.hold_out.percent // 100)
    parts = dict.fromkeys(order, "train")
    parts |= dict.fromkeys(order[:size], "test") | dict.fromkeys(order[size : 2 * size], "valid")
    recordings = tuple(
        dataclasses.replace(item, split=parts[item.speaker])
        for item in layout.recordings
        if item.speaker
    )
    title = layout.title + " divided by speakers"
    return dataclasses.replace(layout, title=title, recordings=recordings)


def assign_splits(layout: Layout, numbers: Iterable[int]) -> tuple[dict[str, list[int]], str]:
    """Assign recordings to splits, holding files out for the splits that a layout lacks.

    Held-out files are chosen by a hash of their names, so that the split of a file hardly depends
    on the other files; the same share of every speaker's files is held out.

    Args:
      layout: Layout.
      numbers: numbers of the recordings to assign.

    Returns:
      ({split: numbers of its recordings in ascending order}, a remark for the description of the
      corpus, or '').

    Raises:
      UserError: there is nothing to train on, or too little to hold anything out.
    """
    policy, numbers = layout.hold_out, list(numbers)
    rows = {s: [n for n in numbers if layout.recordings[n].split == s] for s in SPLITS}
    pool = [n for n in numbers if layout.recordings[n].split in ("", "train")]
    missing = [split for split in ("valid", "test") if not rows[split]]
    if not pool:
        raise UserError(f"{layout.folder}: there are no training files that can be used")
    rows["train"] = pool
    if not missing:
        return rows, ""
    splits = " and ".join(missing)
    if len(pool) <= len(missing):
        if not policy.repeat:
            raise UserError(
                f"{layout.folder}: {len(pool)} files are too few to train on and hold out "
                f"{len(missing)}"
            )
        rows.update(dict.fromkeys(missing, pool))
        return rows, f"too few files to hold any out, so {splits} repeat train"
    order = _spread(pool, layout)
    if policy.transcribed_first:
        order.sort(key=lambda n: layout.recordings[n].text is None)
    size = max(1, len(pool) * policy.percent // 100)
    for part, split in enumerate(missing):
        rows[split] = sorted(order[part * size : (part + 1) * size])
    rows["train"] = sorted(order[len(missing) * size :])
    return rows, f"{splits} files were held out of the training files"


def _spread(pool, layout):
    """Order recordings by a hash of their names, with each speaker's spread evenly."""
    by_speaker = {}
    for number in pool:
        item: Recording = layout.recordings[number]
        digest = hashlib.sha256(os.fsencode(relative(layout.folder, item.path))).digest()
        by_speaker.setdefault(item.speaker, []).append((digest, number))
    ranked = []
    for items in by_speaker.values():
        items.sort()
        for rank, (digest, number) in enumerate(items):
            ranked.append(((rank + 0.5) / len(items), digest, number))
    ranked.sort()
    return [number for *_, number in ranked]
