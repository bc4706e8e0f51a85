"""Training the digit classifier: learning, resuming, caching."""

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest

from tfwave.models.digit_classifier.config import DigitClassifierConfig
from tfwave.training import classifier as training
from tfwave.training.classifier import (
    batch_rows,
    classifier_folder,
    evaluate_classifier,
    read_accuracy,
    train_classifier,
)
from tfwave.training.interrupts import Interrupted

CONFIG = DigitClassifierConfig(
    slice_len=2048,
    frame_length=256,
    n_mels=16,
    filters=4,
    blocks=2,
    batch_norm_momentum=0.9,
    optimizer="adam",
    learning_rate=1e-2,
    batch_size=32,
)


class Tones:
    """Noisy tones of ten pitches, labelled with the pitch, in the interface of AudioStore."""

    def __init__(self, count, seed):
        random = np.random.default_rng(seed)
        self.labels = random.integers(0, 10, count).astype(np.int32)
        phase = (300 * (1 + self.labels))[:, np.newaxis] * np.arange(1900) / 16000
        sound = np.sin(2 * np.pi * (phase + random.random([count, 1])))
        noise = 0.1 * random.standard_normal(sound.shape)
        self._waveforms = (sound + noise).astype(np.float32)[:, :, np.newaxis]
        self.fingerprint = f"tones-{count}-{seed}"

    def __len__(self):
        return len(self._waveforms)

    def waveform(self, i):
        return self._waveforms[i]


def make_corpus(train=300):
    splits = {"train": Tones(train, 0), "valid": Tones(60, 1), "test": Tones(80, 2)}
    return types.SimpleNamespace(name="tones", splits=splits, sample_rate=16000)


def train(directory, steps=12, **arguments):
    options = dict(config=CONFIG, steps=steps, seed=5, progress=False, validate_every=4)
    corpus = arguments.pop("corpus", None) or make_corpus()
    return train_classifier(directory, corpus, **{**options, **arguments})


def weights(classifier):
    return {name: v.numpy() for name, v in classifier.named_variables().items()}


def assert_same(first, second):
    first, second = weights(first), weights(second)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("uninterrupted")
    return directory, train(directory)


def folder_of(directory):
    options = dict(config=CONFIG, steps=12, seed=5, validate_every=4)
    return pathlib.Path(classifier_folder(directory, make_corpus(), **options))


@pytest.mark.parametrize("count, batch_size", [(10, 4), (3, 8), (64, 64)])
def test_an_epoch_holds_every_clip_once(count, batch_size):
    rows = np.concatenate([batch_rows(count, batch_size, 1, step) for step in range(3 * count)])
    epochs = [rows[i : i + count].tolist() for i in range(0, 3 * count, count)]
    assert all(sorted(epoch) == list(range(count)) for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert batch_rows(count, batch_size, 2, 0).tolist() != rows[:batch_size].tolist()


def test_it_learns_and_keeps_the_best_weights(tmp_path, capsys):
    corpus = make_corpus(train=600)
    classifier = train(tmp_path, 60, corpus=corpus, validate_every=20, progress=True)
    options = dict(config=CONFIG, steps=60, seed=5, validate_every=20)
    accuracy = read_accuracy(tmp_path, corpus, **options)
    assert accuracy["test"]["accuracy"] > 0.9
    assert accuracy["test"] == evaluate_classifier(classifier, corpus.splits["test"])
    assert accuracy["test"]["clips"] == 80
    assert accuracy["best_step"] in (20, 40, 60)
    assert "validation accuracy" in capsys.readouterr().err


def test_a_finished_classifier_is_loaded_not_trained(trained, monkeypatch):
    directory, classifier = trained
    monkeypatch.setattr(training._Run, "train", lambda *_: pytest.fail("it was trained again"))
    assert_same(train(directory), classifier)


def test_what_the_weights_depend_on_names_the_folder(tmp_path):
    def name(corpus=None, config=CONFIG, **changes):
        options = {**dict(steps=12, seed=5), **changes}
        return classifier_folder(tmp_path, corpus or make_corpus(), config, **options)

    names = {
        name(),
        name(seed=6),
        name(steps=13),
        name(corpus=make_corpus(train=301)),
        name(config=dataclasses.replace(CONFIG, filters=5)),
    }
    assert len(names) == 5
    assert name() == name()


@pytest.mark.parametrize("stop_at", [3, 8])
def test_a_run_that_broke_off_continues_to_the_same_weights(
    trained, tmp_path, monkeypatch, stop_at
):
    def break_off(count, batch_size, seed, step):
        if step == stop_at:
            raise RuntimeError("broken off")
        return batch_rows(count, batch_size, seed, step)

    with monkeypatch.context() as patch:
        patch.setattr(training, "batch_rows", break_off)
        with pytest.raises(Exception, match="broken off"):
            train(tmp_path)
    assert not (folder_of(tmp_path) / "accuracy.json").exists()
    assert_same(train(tmp_path), trained[1])
    accuracies = [folder_of(d) / "accuracy.json" for d in (tmp_path, trained[0])]
    assert accuracies[0].read_text() == accuracies[1].read_text()


def test_ctrl_c_saves_the_step_and_continues(trained, tmp_path, monkeypatch):
    def interrupt(count, batch_size, seed, step):
        if step == 6:
            os.kill(os.getpid(), signal.SIGINT)
        return batch_rows(count, batch_size, seed, step)

    with monkeypatch.context() as patch:
        patch.setattr(training, "batch_rows", interrupt)
        with pytest.raises(Interrupted, match="the same command continues"):
            train(tmp_path)
    assert list((folder_of(tmp_path) / "checkpoints").glob("step_*"))
    assert_same(train(tmp_path), trained[1])


def test_the_best_by_cross_entropy_can_be_kept(tmp_path):
    corpus = make_corpus()
    config = dataclasses.replace(CONFIG, keep_best="cross_entropy")
    classifier = train(tmp_path, config=config, corpus=corpus)
    result = read_accuracy(tmp_path, corpus, config, steps=12, seed=5, validate_every=4)
    valid = evaluate_classifier(classifier, corpus.splits["valid"])
    assert result["valid"] == valid


def test_corpora_without_digits_are_refused(tmp_path):
    unlabelled = make_corpus()
    unlabelled.splits["train"].labels = None
    with pytest.raises(ValueError, match="tones: .* labelled clips, and the split 'train'"):
        train(tmp_path, corpus=unlabelled)
    slow = make_corpus()
    slow.sample_rate = 8000
    with pytest.raises(ValueError, match="sample_rate is 8000"):
        train(tmp_path, corpus=slow)
    many = make_corpus()
    many.splits["valid"].labels[0] = 10
    with pytest.raises(ValueError, match="has label 10, the digit classifier only 10 classes"):
        train(tmp_path, corpus=many)
    with pytest.raises(ValueError, match="steps must be at least 1"):
        train(tmp_path, steps=0)
    assert not list(tmp_path.iterdir())


SLOWED = """
import sys, time
sys.path[:0] = sys.argv[2:]
from tests.training import test_classifier as t
def batch_rows(*arguments):
    print("step", flush=True)
    time.sleep(0.1)  # so that a kill hits training, not the start of Python
    return t.batch_rows(*arguments)
t.training.batch_rows = batch_rows
t.train(sys.argv[1], 100)
"""


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_weights(tmp_path):
    whole = train(tmp_path / "whole", 100)
    folders = [str(pathlib.Path(__file__).parents[2])]
    command = [sys.executable, "-c", SLOWED, str(tmp_path / "killed"), *folders]
    random = np.random.default_rng(0)
    kills = 0
    for _ in range(5):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(random.uniform(0, 4))
            kills += process.poll() is None
            process.kill()
    assert kills >= 3
    assert_same(train(tmp_path / "killed", 100), whole)
