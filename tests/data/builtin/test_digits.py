"""Built-in speech: independent of order and process, disjoint voices, cached."""

import os
import stat
import subprocess
import sys

import numpy as np
import pytest

from tfwave.data.builtin import digits as speech
from tfwave.data.builtin.digits import (
    VARIANTS,
    Utterance,
    klatt_digits,
    plan,
    render,
    spoken_digits,
)

SIZES = {"train": 60, "valid": 20, "test": 20}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("speech")


@pytest.fixture(scope="module")
def corpus(cache):
    return spoken_digits(cache, seed=1, sizes=SIZES, progress=False)


def waveforms(split):
    return [split.store.waveform(number) for number in range(len(split))]


def test_corpus_is_what_it_says(corpus):
    assert corpus.synthetic and "synthetic" in corpus.description
    assert {split: len(part) for split, part in corpus.splits.items()} == SIZES
    assert len(corpus.classes) == 10 and corpus.sample_rate == 16000
    assert corpus.layout == "built in"
    for part in corpus.splits.values():
        assert part.columns == ("label",)
        np.testing.assert_array_equal(part.label, np.arange(len(part)) % 10)
        assert part.store.lengths.max() <= 16384 and part.store.lengths.min() > 1600
        peaks = [np.abs(waveform).max() for waveform in waveforms(part)]
        assert min(peaks) > 0.01 and max(peaks) <= 1.0 and np.std(peaks) > 0.01


def test_voices_are_disjoint_and_many():
    everything = [variant for variants in VARIANTS.values() for variant in variants]
    assert len(everything) == len(set(everything)) > 90
    used = {(item.accent, item.variant) for item in (plan(0, "train", n) for n in range(18000))}
    assert len(used) == 8 * len(VARIANTS["train"])


def test_names_tell_the_voice_of_the_split(corpus):
    for split, part in corpus.splits.items():
        variants = {variant.replace(" ", "-") for variant in VARIANTS[split]}
        for name in part.store.names:
            assert name.startswith(split + "/") and name.split("_")[-1] in variants


def test_a_clip_is_the_same_alone_and_after_others():
    plans = [plan(5, split, n) for split in VARIANTS for n in range(0, 200, 4)]
    together = list(render(plans, workers=1))
    backwards = list(render(plans[::-1], workers=3))[::-1]
    for item, one, other in zip(plans, together, backwards, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=str(item))
    alone = next(render([plans[17]]))
    np.testing.assert_array_equal(alone, together[17])


def test_clips_do_not_depend_on_the_sizes(corpus, cache):
    other = spoken_digits(cache, seed=1, sizes={"train": 5, "valid": 3, "test": 2}, progress=False)
    for split, part in other.splits.items():
        for one, same in zip(waveforms(part), waveforms(corpus.splits[split]), strict=False):
            np.testing.assert_array_equal(one, same)


def test_another_seed_speaks_otherwise(cache):
    small = {"train": 3, "valid": 1, "test": 1}
    first = spoken_digits(cache, seed=1, sizes=small, progress=False).splits["train"]
    second = spoken_digits(cache, seed=2, sizes=small, progress=False).splits["train"]
    assert first.fingerprint != second.fingerprint


def test_second_call_speaks_nothing(corpus, cache, monkeypatch):
    monkeypatch.setattr(speech, "render", None)
    again = spoken_digits(cache, seed=1, sizes=SIZES, progress=False)
    assert again.splits["train"].fingerprint == corpus.splits["train"].fingerprint


def test_parameters_are_heard():
    base = Utterance("seven", "en-us", "m1")
    changes = [
        {},
        {"text": "two"},
        {"accent": "en-gb-scotland"},
        {"variant": "f1"},
        {"pitch": 80},
        {"pitch_range": 5},
        {"rate": 250},
        {"gain": 0.5},
        {"pause": 0.2},
    ]
    plans = [Utterance(**{**base.__dict__, **change}) for change in changes]
    clips = list(render(plans))
    plain = clips[0]
    for clip in clips[1:]:
        assert clip.shape != plain.shape or not np.array_equal(clip, plain)
    assert len(clips[6]) < len(plain)
    np.testing.assert_allclose(clips[7], plain / 2, atol=2e-5)
    assert not clips[8][:3200].any() and np.array_equal(clips[8][3200:], plain)


def test_long_words_are_cut():
    [clip] = render([Utterance("one two three four five six seven", rate=80)])
    assert clip.shape == (16384, 1)


def test_unknown_voice_is_named():
    with pytest.raises(OSError, match="has no voice en-atlantis"):
        list(render([Utterance("one", accent="en-atlantis")]))


def test_klatt_voices_are_others(cache):
    part = klatt_digits(cache, 30, seed=1, progress=False)
    assert len(part) == 30 and part.label.tolist() == list(range(10)) * 3
    assert all(name.split("_")[-1] in VARIANTS["klatt"] for name in part.store.names)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda cache: spoken_digits(cache, seed=-1), "seed"),
        (lambda cache: spoken_digits(cache, sizes={"train": 0}), "sizes"),
        (lambda cache: spoken_digits(cache, sizes={"dev": 3}), "sizes"),
        (lambda cache: klatt_digits(cache, 0), "count"),
    ],
)
def test_illegal_values_are_named(cache, call, message):
    with pytest.raises(ValueError, match=message):
        call(cache)


def test_workers_need_neither_tensorflow_nor_a_home(tmp_path, root):
    home = tmp_path / "home"
    home.mkdir()
    os.chmod(home, stat.S_IRUSR | stat.S_IXUSR)
    code = (
        "import sys; from tfwave.data.builtin.digits import klatt_digits\n"
        "part = klatt_digits(sys.argv[1], 4, progress=False)\n"
        "print(len(part), 'tensorflow' in sys.modules, 'keras' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "cache"],
        capture_output=True,
        text=True,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(root)},
        cwd=tmp_path,
    )
    assert done.stdout == "4 False False\n", done.stderr
    assert not os.listdir(home)
