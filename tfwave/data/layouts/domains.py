"""The layout of pairs of domains: trainA, trainB, testA, testB, as CycleGAN's data sets."""

import re

from tfwave.data.layouts.layout import Layout, Recording, relative

_FOLDER = re.compile(r"(train|valid|val|test)[_-]?([a-z])", re.IGNORECASE)


def paired_domains(folder: str, paths: list[str]) -> Layout | None:
    """Recognise folders that are named by split and domain, such as trainA and testB.

    The domains are named A, B, ...; at least two of them must have a training folder.
    """
    recordings = []
    for path in paths:
        place = relative(folder, path)
        match = _FOLDER.fullmatch(place.split("/")[0]) if "/" in place else None
        if match:
            split = {"val": "valid"}.get(match[1].lower(), match[1].lower())
            recordings.append(Recording(path, split, domain=match[2].upper()))
    if len({item.domain for item in recordings if item.split == "train"}) < 2:
        return None
    return Layout(
        "paired_domains",
        "folders of domains",
        folder,
        tuple(recordings),
        ignored=len(paths) - len(recordings),
    )
