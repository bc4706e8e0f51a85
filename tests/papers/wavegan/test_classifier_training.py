"""Training the digit classifier: learning, resuming, caching."""

import dataclasses
import functools
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import pytest
import tensorflow as tf

from tfwave.data.corpus import Corpus, Split
from tfwave.data.slices import SliceConfig, SliceOrder
from tfwave.data.store import store_of
from tfwave.models.digit_classifier.config import DigitClassifierConfig
from tfwave.papers.wavegan import classifier_training as training
from tfwave.papers.wavegan.classifier import load_classifier
from tfwave.papers.wavegan.classifier_training import (
    classifier_folder,
    evaluate_classifier,
    permutation,
    read_accuracy,
    train_classifier,
)
from tfwave.training import checkpoints
from tfwave.training.interrupts import Interrupted
from tfwave.training.rows import read_rows

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


_CACHE = tempfile.TemporaryDirectory(prefix="tfwave-tones-")


@functools.lru_cache
def tones(count, seed):
    """Noisy tones of ten pitches, labelled with the pitch."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 10, count).astype(np.int32)
    phase = (300 * (1 + label))[:, np.newaxis] * np.arange(1900) / 16000
    sound = np.sin(2 * np.pi * (phase + random.random([count, 1])))
    noise = 0.1 * random.standard_normal(sound.shape)
    waveforms = (sound + noise).astype(np.float32)[:, :, np.newaxis]
    names, key = [f"{number}.wav" for number in range(count)], ["tones", count, seed]
    store = store_of(lambda: iter(waveforms), names, _CACHE.name, key, 16000, "x", progress=False)
    return Split(store, label=label)


def make_corpus(train=300):
    splits = {"train": tones(train, 0), "valid": tones(60, 1), "test": tones(80, 2)}
    return Corpus("tones", "tones", True, 16000, splits)


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


def when_read(monkeypatch, element, function):
    """Call a function when the training data of one step are read."""
    batches = training.training_batches

    def watched(windows, batch_size, seed, start_step, *shard, **shuffle):
        def watch(step):
            if step == element:
                function()
            return step

        steps = tf.data.Dataset.counter(start=start_step).map(
            lambda step: tf.numpy_function(watch, [step], tf.int64)
        )
        data = batches(windows, batch_size, seed, start_step, *shard, **shuffle)
        return tf.data.Dataset.zip((data, steps)).map(lambda data, step: data)

    monkeypatch.setattr(training, "training_batches", watched)


def test_the_order_of_clips_is_that_of_finished_classifiers():
    slices = SliceConfig(8, first_slice=True, pad_end=True, random_offset=False)
    rows = SliceOrder([5] * 10, slices, 1, permutation).rows(0, 30)[:, 0]
    epochs = [rows[i : i + 10].tolist() for i in (0, 10, 20)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] == [8, 4, 7, 0, 1, 2, 5, 9, 6, 3] and epochs[0] != epochs[1]


def test_it_learns_and_keeps_the_best_weights(tmp_path, capsys):
    corpus = make_corpus(train=600)
    classifier = train(tmp_path, 60, corpus=corpus, validate_every=20, progress=True)
    options = dict(config=CONFIG, steps=60, seed=5, validate_every=20)
    accuracy = read_accuracy(tmp_path, corpus, **options)
    assert accuracy["test"]["accuracy"] > 0.9
    assert accuracy["test"] == evaluate_classifier(classifier, corpus.splits["test"])
    assert accuracy["test"]["clips"] == 80
    assert accuracy["best_step"] in (20, 40, 60)
    assert "DigitClassifier: " in capsys.readouterr().err
    rows = read_rows(classifier_folder(tmp_path, corpus, **options))
    scores = {row["step"]: row["held_out_accuracy"] for row in rows if "held_out_accuracy" in row}
    assert sorted(scores) == [20, 40, 60]
    assert scores[accuracy["best_step"]] == max(scores.values()) == accuracy["valid"]["accuracy"]


def test_a_finished_classifier_is_loaded_not_trained(trained, monkeypatch):
    directory, classifier = trained
    monkeypatch.setattr(training, "train", lambda *_, **__: pytest.fail("it was trained again"))
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


def write_as_before(monkeypatch):
    """Write checkpoints in the form that they had when classifiers had a loop of their own."""
    write = checkpoints._write

    def write_old(parent, model, step, facts):
        del facts  # which did not tell the time
        weights = tf.train.Checkpoint(step=model.step, weights=model.named_variables())
        tracked = tf.train.Checkpoint(model=weights)
        if os.path.basename(parent) == "checkpoints":
            state = tf.train.Checkpoint(weights=weights, optimizer=model.optimizer)
            tracked = tf.train.Checkpoint(model=state, optimizer=model.optimizer)
        with monkeypatch.context() as patch:
            patch.setattr(checkpoints, "_tracked", lambda _: tracked)
            return write(parent, model, step, None)

    monkeypatch.setattr(checkpoints, "_write", write_old)


def test_classifiers_of_before_are_found_and_loaded(trained, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        write_as_before(patch)
        train(tmp_path)
    assert_same(train(tmp_path), trained[1])
    assert_same(load_classifier(folder_of(tmp_path)), trained[1])
    with pytest.raises(ValueError, match="nothing is not the folder of a trained classifier"):
        load_classifier(tmp_path / "nothing")


@pytest.mark.parametrize("stop_at, before", [(3, False), (8, False), (8, True)])
def test_a_run_that_broke_off_continues_to_the_same_weights(
    trained, tmp_path, monkeypatch, stop_at, before
):
    def break_off():
        raise RuntimeError("broken off")

    with monkeypatch.context() as patch:
        when_read(patch, stop_at, break_off)
        if before:
            write_as_before(patch)
        with pytest.raises(tf.errors.OpError, match="broken off"):
            train(tmp_path)
    assert not (folder_of(tmp_path) / "accuracy.json").exists()
    assert_same(train(tmp_path), trained[1])
    accuracies = [folder_of(d) / "accuracy.json" for d in (tmp_path, trained[0])]
    assert accuracies[0].read_text() == accuracies[1].read_text()


def test_ctrl_c_saves_the_step_and_continues(trained, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        when_read(patch, 6, lambda: os.kill(os.getpid(), signal.SIGINT))
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
    def changed(split, **columns):
        corpus = make_corpus()
        corpus.splits[split] = dataclasses.replace(corpus.splits[split], **columns)
        return corpus

    unlabelled = changed("train", label=None)
    with pytest.raises(ValueError, match="tones: .* labelled clips, and the split 'train'"):
        train(tmp_path, corpus=unlabelled)
    slow = dataclasses.replace(make_corpus(), sample_rate=8000)
    with pytest.raises(ValueError, match="sample_rate is 8000"):
        train(tmp_path, corpus=slow)
    many = changed("valid", label=np.full(60, 10))
    with pytest.raises(ValueError, match="has label 10, the digit classifier only 10 classes"):
        train(tmp_path, corpus=many)
    with pytest.raises(ValueError, match="steps must be at least 1"):
        train(tmp_path, steps=0)
    assert not list(tmp_path.iterdir())


SLOWED = """
import sys, time
sys.path[:0] = sys.argv[2:]
from tests.papers.wavegan import test_classifier_training as t
read = t.training.Windows.read
def slowed(*arguments):
    print("step", flush=True)
    time.sleep(0.1)  # so that a kill hits training, not the start of Python
    return read(*arguments)
t.training.Windows.read = slowed
t.train(sys.argv[1], 100)
"""


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_weights(tmp_path):
    whole = train(tmp_path / "whole", 100)
    folders = [str(pathlib.Path(__file__).parents[3])]
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
