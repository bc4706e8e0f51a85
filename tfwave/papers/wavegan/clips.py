"""The clips of a row that are kept for listening, and what the report says about each."""

import io

import numpy as np
import soundfile

from tfwave import files
from tfwave.data.layouts.clips import DIGITS


def save_clips(folder, details, classes, sample_rate):
    """Write the first clips of a row as wav files and describe them.

    Args:
      folder: folder of the row, a `pathlib.Path`.
      details: from `wavegan_scoring.score`.
      classes: names of the classes, empty for the ten digits.
      sample_rate: in Hz.

    Returns:
      A list of {file, number, label, caption}.
    """
    described = []
    for i, clip in enumerate(details["clips"]):
        name = f"samples/clip_{i:02d}.wav"
        _write_wav(folder / name, clip, sample_rate)
        heard, percent = details["predicted"][i], 100 * details["probability"][i]
        name_heard = class_name(heard, classes)
        # The no-break space keeps a number and its unit on one line.
        label, caption = heard, f"heard as {name_heard}, {percent:.0f}\u00a0%"
        if "labels" in details:
            label = details["labels"][i]
            caption = class_name(label, classes)
            if label != heard:
                caption += f", heard as {name_heard}"
        described.append({"file": name, "number": i, "label": int(label), "caption": caption})
    return described


def save_examples(folder, clips, classes, sample_rate):
    """Write the first recording of every class, to stand beside generated clips of that class.

    Args:
      folder: folder of the row, a `pathlib.Path`.
      clips: `wavegan_scoring.Clips` of recordings.
      classes: names of the classes, empty for the ten digits.
      sample_rate: in Hz.

    Returns:
      A list of {file, label, caption}, empty for recordings without labels.
    """
    if clips.labels is None:
        return []
    labels, firsts = np.unique(np.asarray(clips.labels), return_index=True)
    wanted = dict(zip(firsts.tolist(), labels.tolist(), strict=True))
    examples, place = [], 0
    for block in clips.blocks():
        for i, clip in enumerate(block, place):
            if i in wanted:
                label = wanted[i]
                name = f"samples/class_{label}.wav"
                _write_wav(folder / name, clip, sample_rate)
                examples.append(
                    {"file": name, "label": label, "caption": class_name(label, classes)}
                )
        place += len(block)
    return examples


def class_name(label, classes):
    """Return the name of a class in quotes."""
    classes = classes or DIGITS
    return f"\u201c{classes[label]}\u201d" if label < len(classes) else f"class {label}"


def _write_wav(path, clip, sample_rate):
    stream = io.BytesIO()
    soundfile.write(stream, clip, sample_rate, format="WAV", subtype="PCM_16")
    files.atomic_write(path, stream.getvalue())
