"""The layout of NSynth (arXiv:1704.01279): single notes, described in a JSON file."""

import json
import os
import re

from tfwave.data.layouts.layout import Layout, Recording
from tfwave.errors import UserError

# In the order of the numbers in examples.json (documentation of the data set).
FAMILIES = "bass brass flute guitar keyboard mallet organ reed string synth_lead vocal".split()
QUALITIES = (
    "bright dark distortion fast_decay long_release multiphonic nonlinear_env percussive reverb "
    "tempo-synced"
).split()
_LISTING = "examples.json"
_SPLIT_NAME = re.compile(r"(?:.*[-_])?(train|valid|test)")


def nsynth(folder: str, paths: list[str]) -> Layout | None:
    """Recognise NSynth: nsynth-train, nsynth-valid and nsynth-test, or the folder of one of them.

    Each holds examples.json and audio/NOTE.wav. Labels are the families of the instruments. Audio
    that examples.json does not list is left out.

    Raises:
      UserError: an examples.json cannot be read as NSynth's.
    """
    recordings, notes = [], {}
    for path in paths:
        audio, name = os.path.split(path)
        parent = os.path.dirname(audio)
        if os.path.basename(audio) != "audio" or folder not in (parent, os.path.dirname(parent)):
            continue
        if parent not in notes:
            notes[parent] = _read_notes(os.path.join(parent, _LISTING))
        note = notes[parent].get(os.path.splitext(name)[0])
        if note is not None:
            match = _SPLIT_NAME.fullmatch(os.path.basename(parent).lower())
            split = match[1] if match and parent != folder else ""
            recordings.append(_recording(path, split, note, os.path.join(parent, _LISTING)))
    if not recordings:
        return None
    return Layout(
        "nsynth",
        "NSynth",
        folder,
        tuple(recordings),
        classes=tuple(FAMILIES),
        qualities=tuple(QUALITIES),
        ignored=len(paths) - len(recordings),
    )


def _read_notes(listing):
    """Read {name of a note: its description}; {} where there is no listing."""
    try:
        with open(listing, encoding="utf-8") as file:
            notes = json.load(file)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UserError(f"{listing}: is not JSON ({error})") from None
    return notes if isinstance(notes, dict) else {}


def _recording(path, split, note, listing):
    try:
        qualities = tuple(int(bool(value)) for value in note["qualities"])
        if len(qualities) != len(QUALITIES):
            raise ValueError
        return Recording(
            path,
            split,
            label=FAMILIES[note["instrument_family"]],
            pitch=int(note["pitch"]),
            instrument=str(note["instrument_str"]),
            velocity=int(note["velocity"]),
            qualities=qualities,
        )
    except (KeyError, TypeError, ValueError, IndexError):
        name = os.path.splitext(os.path.basename(path))[0]
        raise UserError(
            f"{listing}: the note {name} lacks NSynth's pitch, velocity, instrument_str, "
            "instrument_family (0 to 10) or its ten qualities"
        ) from None
