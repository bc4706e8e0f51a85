"""Training the digit classifier that the inception score needs, once per corpus.

Every classifier has a folder of its own, named after everything its weights depend on:

    DIRECTORY/classifier-<fingerprint>/
        config.json      configuration, seed, steps, fingerprints of the corpus
        checkpoints/     state to continue from
        best/            weights with the best validation score
        accuracy.json    validation and test results; written last, so it marks a finished run
        metrics.jsonl    logged scalars; events.* has them for TensorBoard

So a classifier of another corpus or configuration is never picked up by mistake.
"""

import dataclasses
import hashlib
import json
import os

import keras
import numpy as np

from tfwave import files
from tfwave.data.corpus import Corpus, Split
from tfwave.data.slices import SliceConfig
from tfwave.data.windows import WindowConfig, Windows, evaluation_batches, training_batches
from tfwave.errors import UserError
from tfwave.metrics.inception_score import log_softmax
from tfwave.models.digit_classifier.config import DigitClassifierConfig
from tfwave.models.digit_classifier.digit_classifier import DigitClassifier
from tfwave.training import checkpoints
from tfwave.training.config import TrainingConfig
from tfwave.training.loop import Score, train

_ACCURACY = "accuracy.json"
# Criteria for the best weights, see `DigitClassifierConfig.keep_best`. The log-likelihood is
# the negative cross-entropy.
_SCORES = {
    "accuracy": Score("held_out_accuracy"),
    "cross_entropy": Score("held_out_log_likelihood"),
}


def train_classifier(
    directory: str | os.PathLike,
    corpus: Corpus,
    config: DigitClassifierConfig | None = None,
    steps: int = 103_005,
    seed: int = 0,
    progress: bool = True,
    validate_every: int | None = None,
) -> DigitClassifier:
    """Train a digit classifier, or continue, or load the one that is there.

    The weights kept are those with the highest validation accuracy (or the lowest cross-entropy,
    see `DigitClassifierConfig.keep_best`).

    Args:
      directory: folder for the classifiers of a user or a run; each has its own folder inside,
        see `classifier_folder`.
      corpus: Corpus whose clips are labelled. The first `config.slice_len` samples of a clip are
        used, shorter clips are padded with zeros.
      config: `DigitClassifierConfig`; None for the authors' network.
      steps: updates of the whole run; the authors' released network is from step 103,005.
      seed: seed of initial weights and data order.
      progress: whether to show progress on stderr.
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
    path = os.path.join(folder, _ACCURACY)
    if not os.path.exists(path):
        _train(folder, corpus, config, description, progress)
    classifier = DigitClassifier(config, seed)
    best_step = checkpoints.restore(folder, classifier, "best")
    if not os.path.exists(path):
        result = {"best_step": best_step, "steps": steps}
        for name, split in corpus.splits.items():
            if name != "train" and len(split):
                result[name] = evaluate_classifier(classifier, split)
        files.write_json(path, result)
    return classifier


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


def evaluate_classifier(
    classifier: DigitClassifier, split: Split, batch_size: int = 64
) -> dict[str, float]:
    """Classify all clips of a labelled split.

    Args:
      classifier: `DigitClassifier`.
      split: Split with labels.
      batch_size: clips per call.

    Returns:
      Dict with 'accuracy' in 0..1, 'cross_entropy' in nats and the number of 'clips'.
    """
    batches = evaluation_batches(_clips(split, classifier.config), batch_size)
    logits = classifier.predict_logits((batch["waveform"] for batch in batches), batch_size)
    labels = split.label
    assert labels is not None  # the batches have them
    cross_entropy = -np.mean(log_softmax(logits)[np.arange(len(labels)), labels], dtype=np.float64)
    return {
        "accuracy": float(np.mean(np.argmax(logits, axis=1) == labels)),
        "cross_entropy": float(cross_entropy),
        "clips": len(split),
    }


def permutation(count: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order of the clips of an epoch, int64 [count]."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def _clips(split, config):
    """Return the beginnings of clips with their labels."""
    return Windows(
        split,
        WindowConfig(config.slice_len, context=0, columns=("waveform", "label")),
        slices=SliceConfig(config.slice_len, first_slice=True, pad_end=True, random_offset=False),
    )


def _train(folder, corpus, config, description, progress):
    """Train from the newest checkpoint to the last step."""
    seed, every = description["seed"], description["validate_every"]
    clips = _clips(corpus.splits["train"], config)

    def model_fn():
        classifier = DigitClassifier(config, seed)
        classifier.compile()
        return classifier

    def score_fn(classifier):
        result = evaluate_classifier(classifier, corpus.splits["valid"])
        return result["accuracy"] if config.keep_best == "accuracy" else -result["cross_entropy"]

    train(
        folder,
        model_fn,
        lambda *shard: training_batches(
            clips, config.batch_size, seed, *shard, shuffle=permutation
        ),
        TrainingConfig(
            steps=description["steps"],
            batch_size=config.batch_size,
            seed=seed,
            media_every=0,
            score_every=every,
            checkpoint_every=every,
        ),
        description,
        score_fn=score_fn,
        score=_SCORES[config.keep_best],
        progress=progress,
    )


def _describe(corpus, config, steps, seed, validate_every):
    return {
        "classifier": dataclasses.asdict(config),
        "corpus": {name: split.fingerprint for name, split in corpus.splits.items()},
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
        split = corpus.splits.get(name)
        if split is None or not len(split) or split.label is None:
            raise UserError(
                f"{corpus.name}: the digit classifier needs labelled clips, and the split "
                f"'{name}' has none"
            )
    if corpus.sample_rate != config.sample_rate:
        raise UserError(
            f"{corpus.name}: sample_rate is {corpus.sample_rate}, the digit classifier needs "
            f"{config.sample_rate}"
        )
    highest = max(int(np.max(corpus.splits[name].label)) for name in ("train", "valid"))
    if highest >= config.classes:
        raise UserError(
            f"{corpus.name}: has label {highest}, the digit classifier only {config.classes} "
            "classes"
        )
