"""The layout of mixtures beside their sources: WSJ0-2mix, LibriMix and similar corpora."""

import re

from tfwave.data.layouts.layout import Layout, Recording, relative
from tfwave.errors import UserError

# Of a folder with several kinds of mixtures the first of these is taken.
_MIXTURES = ("mix", "mix_clean", "mix_both", "mix_single")
_WITH_NOISE = ("mix_both", "mix_single")
_SOURCE = re.compile(r"s[1-9]")
_NOISE = "noise"
_SPLITS = {
    "tr": "train",
    "train": "train",
    "train-100": "train",
    "train-360": "train",
    "cv": "valid",
    "dev": "valid",
    "val": "valid",
    "valid": "valid",
    "tt": "test",
    "test": "test",
}


def mixtures(folder: str, paths: list[str]) -> Layout | None:
    """Recognise folders mix, s1, s2, ... whose files have equal names.

    They lie in the folder itself or in folders of splits: tr, cv and tt (WSJ0-2mix) or train-100,
    train-360, dev and test (LibriMix). Of LibriMix's kinds mix_clean is taken, or mix_both and
    mix_single where it is missing, whose noise is a source as well. A mixture without one of its
    sources is left out.

    Raises:
      UserError: the folder holds several versions of a corpus, such as two sample rates.
    """
    groups = {}  # {folders above: {kind: {file name: path}}}
    for path in paths:
        *above, kind, name = ["", *relative(folder, path).split("/")]
        if kind in (*_MIXTURES, _NOISE) or _SOURCE.fullmatch(kind):
            groups.setdefault(tuple(above[1:]), {}).setdefault(kind, {})[name] = path
    groups = {above: kinds for above, kinds in groups.items() if _is_whole(kinds)}
    if not groups:
        return None
    _check_one_version(folder, groups)
    shared = set.intersection(*(set(kinds) for kinds in groups.values()))
    mixture = next((name for name in _MIXTURES if name in shared), None)
    if mixture is None:
        return None
    sources = sorted(kind for kind in shared if _SOURCE.fullmatch(kind))
    sources += [_NOISE] * (mixture in _WITH_NOISE and _NOISE in shared)
    recordings = []
    for above, kinds in groups.items():
        for name, path in kinds[mixture].items():
            if all(name in kinds[source] for source in sources):
                parts = tuple((source, kinds[source][name]) for source in sources)
                recordings.append(Recording(path, _split(above), sources=parts))
    if not recordings:
        return None
    used = len(recordings) * (1 + len(sources))
    return Layout(
        "mixtures",
        f"mixtures ({mixture}) with their sources",
        folder,
        tuple(recordings),
        ignored=len(paths) - used,
    )


def _is_whole(kinds):
    return any(name in kinds for name in _MIXTURES) and any(map(_SOURCE.fullmatch, kinds))


def _split(above):
    return _SPLITS.get(above[-1].lower(), "") if above else ""


def _check_one_version(folder, groups):
    versions = {"/".join(above[:-1] if _split(above) else above) for above in groups}
    if len(versions) > 1:
        raise UserError(
            f"{folder}: holds several sets of mixtures ({', '.join(sorted(versions))}); give the "
            "folder of one of them"
        )
