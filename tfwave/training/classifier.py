"""Training the digit classifier that the inception score needs, once per corpus.

Every classifier has a folder of its own, named after everything its weights depend on:

    DIRECTORY/classifier-<fingerprint>/
        config.json      configuration, seed, steps, fingerprints of the corpus
        checkpoints/     state to continue from
        best/            weights with the best validation score
        accuracy.json    validation and test results; written last, so it marks a finished run
        events.*         TensorBoard scalars

So a classifier of another corpus or configuration is never picked up by mistake. A run that was
killed at any point and started again ends with the same weights, bit for bit on the CPU: the
batch of a step is a pure function of the seed and the step.
"""

import dataclasses
import hashlib
import json
import os
import signal
import time

import keras
import numpy as np
import tensorflow as tf

from tfwave import files
from tfwave.errors import UserError
from tfwave.metrics.inception_score import log_softmax
from tfwave.models.digit_classifier.config import DigitClassifierConfig
from tfwave.models.digit_classifier.digit_classifier import DigitClassifier
from tfwave.training import checkpoints, guard
from tfwave.training.directory import open_directory
from tfwave.training.interrupts import Interrupted, stop_on_signals
from tfwave.training.progress import Progress
from tfwave.training.summaries import Summaries

_ACCURACY = "accuracy.json"
_LOG_EVERY = 10  # steps


def train_classifier(
    directory, corpus, config=None, steps=103_005, seed=0, progress=True, validate_every=None
):
    """Train a digit classifier, or continue, or load the one that is there.

    The weights kept are those with the highest validation accuracy (or the lowest cross-entropy,
    see `DigitClassifierConfig.keep_best`).

    Args:
      directory: folder for the classifiers of a user or a run; each has its own folder inside,
        see `classifier_folder`.
      corpus: `tfwave.data.corpora.Corpus` whose clips are labelled. The first
        `config.slice_len` samples of a clip are used, shorter clips are padded with zeros.
      config: `DigitClassifierConfig`; None for the authors' network.
      steps: updates of the whole run; the authors' released network is from step 103,005.
      seed: seed of initial weights and data order.
      progress: whether to show progress and results on stderr.
      validate_every: steps between validations; None for a fifth of the run, at most 1,000.

    Returns:
      The trained `DigitClassifier`. Its results are in accuracy.json, see `read_accuracy`.

    Raises:
      Interrupted: Ctrl-C or SIGTERM; the state was saved and the same call continues.
      NonFiniteError: the loss or a weight is not finite.
      OSError: the folder cannot be used, a checkpoint cannot be written or read.
      UserError: the corpus is not labelled or has another sample rate than the classifier.
    """
    config = config or DigitClassifierConfig()
    _check_corpus(corpus, config)
    if steps < 1:
        raise UserError(f"steps must be at least 1, got {steps}")
    description = _describe(corpus, config, steps, seed, validate_every)
    folder = _folder(directory, description)
    run = _Run(folder, DigitClassifier(config, seed), description)
    if not os.path.exists(os.path.join(folder, _ACCURACY)):
        with open_directory(folder, description), stop_on_signals() as request:
            run.train(corpus, request, progress)
            best_step = run.load_best()
            result = {"best_step": best_step, "steps": steps}
            for name, store in corpus.splits.items():
                if name != "train" and len(store):
                    result[name] = evaluate_classifier(run.classifier, store)
            files.write_json(os.path.join(folder, _ACCURACY), result)
    else:
        run.load_best()
    return run.classifier


def classifier_folder(directory, corpus, config=None, steps=103_005, seed=0, validate_every=None):
    """Return the folder that `train_classifier` uses for the same arguments."""
    config = config or DigitClassifierConfig()
    return _folder(directory, _describe(corpus, config, steps, seed, validate_every))


def read_accuracy(directory, corpus, config=None, steps=103_005, seed=0, validate_every=None):
    """Read the results of a classifier that `train_classifier` has finished.

    Returns:
      Dict with 'best_step', 'steps' and per split ('valid', 'test') a dict as from
      `evaluate_classifier`.

    Raises:
      OSError: it is not finished.
    """
    folder = classifier_folder(directory, corpus, config, steps, seed, validate_every)
    return files.read_json(os.path.join(folder, _ACCURACY))


def evaluate_classifier(classifier, store, batch_size=64):
    """Classify all clips of a labelled store.

    Args:
      classifier: `DigitClassifier`.
      store: labelled `tfwave.data.store.AudioStore`.
      batch_size: clips per call.

    Returns:
      Dict with 'accuracy' in 0..1, 'cross_entropy' in nats and the number of 'clips'.
    """
    slice_len = classifier.config.slice_len
    rows = np.arange(len(store))
    blocks = (
        _read_clips(store, rows[start : start + batch_size], slice_len)
        for start in range(0, len(rows), batch_size)
    )
    logits = classifier.predict_logits(blocks, batch_size)
    labels = np.asarray(store.labels)
    cross_entropy = -np.mean(log_softmax(logits)[rows, labels], dtype=np.float64)
    return {
        "accuracy": float(np.mean(np.argmax(logits, axis=1) == labels)),
        "cross_entropy": float(cross_entropy),
        "clips": len(store),
    }


def batch_rows(count, batch_size, seed, step):
    """Choose the clips of a step: shuffled anew in every epoch, each clip once per epoch.

    Args:
      count: clips in the training set.
      batch_size: clips per step; batches run on across epochs.
      seed: integer.
      step: number of the step, from 0.

    Returns:
      int64 array [batch_size], indices below `count`; a pure function of the arguments.
    """
    positions = step * batch_size + np.arange(batch_size)
    epochs, offsets = np.divmod(positions, count)
    rows = np.empty(batch_size, np.int64)
    for epoch in np.unique(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(count)
        rows[epochs == epoch] = order[offsets[epochs == epoch]]
    return rows


class _Run:
    """A classifier, its optimiser and its folder."""

    def __init__(self, folder, classifier, description):
        self._folder = folder
        self._description = description
        self.classifier = classifier
        classifier.compile()
        self._step = classifier.step
        self._weights = self._state = classifier

    def load_best(self):
        """Load the weights with the best validation score and return their step."""
        return checkpoints.restore(self._folder, self._weights, "best")

    def train(self, corpus, request, progress):
        """Train from the newest checkpoint to the last step."""
        steps = self._description["steps"]
        notes = []
        checkpoints.resume(self._folder, self._state, notes.append)
        start = int(self._step)
        checkpoints.tidy(self._folder, start)
        bar = Progress(progress, start, steps, ["loss", "accuracy"])
        summaries = Summaries(self._folder, start, self._description, curves=self.classifier.curves)
        for note in [*notes, self._introduction(start, corpus)]:
            bar.say(note)
        try:
            self._loop(corpus, request, bar, summaries)
        finally:
            summaries.close()
            bar.close()

    def _introduction(self, start, corpus):
        where = f"continuing from step {start} of" if start else "training for"
        return (
            f"digit classifier: {self.classifier.count_params():,} parameters, "
            f"{len(corpus.splits['train']):,} clips of {corpus.name}, "
            f"{where} {self._description['steps']} steps"
        )

    def _loop(self, corpus, request, bar, summaries):
        config, steps = self.classifier.config, self._description["steps"]
        # No XLA: on the CPU it makes convolutions many times slower.
        train_step = tf.function(self.classifier.train_step, jit_compile=False)
        begin, done = time.monotonic(), int(self._step)
        store = corpus.splits["train"]
        for batch in _labelled_batches(store, config, self._description["seed"], done, steps):
            metrics = train_step(batch)
            step = int(self._step)
            last = step == steps
            if step % _LOG_EVERY == 0 or last:
                values = {name: float(value) for name, value in metrics.items()}
                guard.check_metrics(step, list(values), list(values.values()))
                speed = config.batch_size * (step - done) / (time.monotonic() - begin)
                begin, done = time.monotonic(), step
                summaries.scalars(step, {**values, "clips_per_second": speed})
                bar.update(step, values, speed)
            if last or step % self._description["validate_every"] == 0:
                self._validate(step, corpus.splits["valid"], bar, summaries)
                self._save(step, summaries)
            elif request.signum:
                self._save(step, summaries)
            if request.signum:
                raise Interrupted(
                    f"stopped at step {step} of {steps} of the digit classifier; everything is "
                    f"saved in {self._folder}, the same command continues",
                    request.signum or signal.SIGTERM,
                )

    def _validate(self, step, store, bar, summaries):
        guard.check_variables(step, self.classifier.named_variables().values())
        result = evaluate_classifier(self.classifier, store)
        score = result["accuracy"]
        if self.classifier.config.keep_best == "cross_entropy":
            score = -result["cross_entropy"]
        best = checkpoints.read_best(self._folder)
        # Strictly better: a resumed run meets the best step again and must leave it in place.
        if best is None or score > best["score"]:
            checkpoints.save_best(self._folder, self._weights, step, score)
        summaries.scalars(
            step, {f"valid_{name}": result[name] for name in ("accuracy", "cross_entropy")}
        )
        bar.say(f"step {step}: validation accuracy {result['accuracy']:.2%}")

    def _save(self, step, summaries):
        guard.check_variables(step, self.classifier.named_variables().values())
        summaries.flush()
        checkpoints.save_newest(self._folder, self._state, step, keep=2)


def _labelled_batches(store, config, seed, start, steps):
    """Give the batches of steps `start` to `steps` as (waveform, label), read ahead."""
    labels = np.asarray(store.labels, np.int32)

    def read(step):
        rows = batch_rows(len(store), config.batch_size, seed, int(step))
        return _read_clips(store, rows, config.slice_len), labels[rows]

    def load(step):
        waveform, label = tf.numpy_function(read, [step], (tf.float32, tf.int32))
        waveform.set_shape([config.batch_size, config.slice_len])
        label.set_shape([config.batch_size])
        return {"waveform": waveform, "label": label}

    dataset = tf.data.Dataset.range(start, steps).map(load, num_parallel_calls=2)
    return dataset.prefetch(4)


def _read_clips(store, rows, slice_len):
    """Read the first `slice_len` samples of clips, channels averaged, as [rows, slice_len]."""
    clips = np.zeros((len(rows), slice_len), np.float32)
    for clip, row in zip(clips, rows, strict=True):
        waveform = store.waveform(int(row))[:slice_len]
        clip[: len(waveform)] = waveform.mean(axis=1)
    return clips


def _describe(corpus, config, steps, seed, validate_every):
    return {
        "classifier": dataclasses.asdict(config),
        "corpus": {name: store.fingerprint for name, store in corpus.splits.items()},
        "steps": steps,
        "seed": seed,
        "validate_every": validate_every or min(1000, max(1, steps // 5)),
        # The versions draw different initial weights from a seed and store optimisers differently.
        "keras": keras.__version__.split(".")[0],
    }


def _folder(directory, description):
    text = json.dumps(description, sort_keys=True)
    fingerprint = hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]
    return os.path.join(os.fspath(directory), f"classifier-{fingerprint}")


def _check_corpus(corpus, config):
    for name in ("train", "valid"):
        store = corpus.splits.get(name)
        if store is None or not len(store) or store.labels is None:
            raise UserError(
                f"{corpus.name}: the digit classifier needs labelled clips, and the split "
                f"'{name}' has none"
            )
    if corpus.sample_rate != config.sample_rate:
        raise UserError(
            f"{corpus.name}: sample_rate is {corpus.sample_rate}, the digit classifier needs "
            f"{config.sample_rate}"
        )
    highest = max(int(np.max(corpus.splits[name].labels)) for name in ("train", "valid"))
    if highest >= config.classes:
        raise UserError(
            f"{corpus.name}: has label {highest}, the digit classifier only {config.classes} "
            "classes"
        )
