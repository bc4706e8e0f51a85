"""The captions of WaveGAN's clips, and an example of every class for comparison."""

from tfwave.audio.files import write_wav
from tfwave.data.corpora import DIGITS


def describe_clips(details: dict, classes: tuple[str, ...]) -> list[tuple]:
    """Return (class, caption, int16 [time]) of each clip that is kept for listening.

    Args:
      details: from `scoring.score`.
      classes: names of the classes, empty for the ten digits.
    """
    clips = []
    for i, clip in enumerate(details["clips"]):
        guess, percent = details["predicted"][i], 100 * details["probability"][i]
        guess_name = class_name(guess, classes)
        # The no-break space keeps a number and its unit on one line.
        label, caption = guess, f"heard as {guess_name}, {percent:.0f}\u00a0%"
        if "labels" in details:
            label = details["labels"][i]
            caption = class_name(label, classes)
            if label != guess:
                caption += f", heard as {guess_name}"
        clips.append((int(label), caption, clip))
    return clips


def save_examples(folder, clips, classes: tuple[str, ...], sample_rate: int) -> list[dict]:
    """Write the first recording of every class, to stand beside generated clips of that class.

    Args:
      folder: folder of the row, a `pathlib.Path`.
      clips: `scoring.Clips` of recordings.
      classes: names of the classes, empty for the ten digits.
      sample_rate: in Hz.

    Returns:
      A list of {file, label, caption}, empty for recordings without labels.
    """
    if clips.labels is None:
        return []
    examples, count = {}, len(set(map(int, clips.labels)))
    numbered = (clip for block in clips.blocks() for clip in block)
    for label, clip in zip(map(int, clips.labels), numbered, strict=True):
        if len(examples) == count:
            break
        if label not in examples:
            name = f"samples/class_{label}.wav"
            (folder / "samples").mkdir(parents=True, exist_ok=True)
            write_wav(folder / name, clip[:, None], sample_rate)
            examples[label] = {"file": name, "label": label, "caption": class_name(label, classes)}
    return list(examples.values())


def class_name(label: int, classes: tuple[str, ...]) -> str:
    """Return the name of a class in quotes."""
    classes = classes or DIGITS
    return f"\u201c{classes[label]}\u201d" if label < len(classes) else f"class {label}"
