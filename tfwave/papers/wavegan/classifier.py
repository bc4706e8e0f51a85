"""The classifier of the inception score: the authors', a given one, or one trained here."""

import dataclasses
import hashlib
import os

import numpy as np

from tfwave.errors import UserError
from tfwave.models.digit_classifier.config import DigitClassifierConfig
from tfwave.models.digit_classifier.digit_classifier import DigitClassifier
from tfwave.models.digit_classifier.weights import from_authors
from tfwave.papers.wavegan.classifier_training import (
    evaluate_classifier,
    read_accuracy,
    train_classifier,
)
from tfwave.training.directory import read_description
from tfwave.training.load import load_model


@dataclasses.dataclass(frozen=True)
class Scorer:
    """A digit classifier with the facts that reports print about it.

    Attributes:
      classifier: `DigitClassifier`.
      origin: "trained here", "given" or "released by the authors".
      fingerprint: 16 hexadecimal digits that identify its weights.
      accuracy: share of the real test clips classified correctly, None without labels.
    """

    classifier: DigitClassifier
    origin: str
    fingerprint: str
    accuracy: float | None

    @property
    def about(self):
        """Return the classifier in a few words."""
        if self.accuracy is None:
            return self.origin
        return f"{self.origin}, names {100 * self.accuracy:.1f} % of the real test digits correctly"

    def as_json(self):
        """Return the entries of result files."""
        return {
            "origin": self.origin,
            "fingerprint": self.fingerprint,
            "accuracy": self.accuracy,
            "config": dataclasses.asdict(self.classifier.config),
        }


def open_classifier(path, cache_dir, corpus, preset, seed):
    """Load the classifier at `path`, or train one on the corpus where there is none yet.

    Args:
      path: folder of a trained classifier, prefix of the authors' released TensorFlow 1
        checkpoint, or empty.
      cache_dir: folder in which trained classifiers are kept.
      corpus: `Corpus`.
      preset: `Preset`.
      seed: of the training.

    Returns:
      A `Scorer`.

    Raises:
      UserError: the path holds no classifier, or the corpus has no labels to train one.
    """
    if not path:
        return _trained(cache_dir, corpus, preset, seed)
    if os.path.isdir(path):
        classifier, origin = load_classifier(path), "given"
    else:
        classifier, origin = from_authors(path), "released by the authors"
    if classifier.config.sample_rate != corpus.sample_rate:
        raise UserError(
            f"--classifier: {path} is for {classifier.config.sample_rate} Hz, the corpus has "
            f"{corpus.sample_rate} Hz"
        )
    test = corpus.splits["test"]
    accuracy = None
    if test.label is not None and int(np.max(test.label)) < classifier.config.classes:
        accuracy = evaluate_classifier(classifier, test)["accuracy"]
    return Scorer(classifier, origin, fingerprint(classifier), accuracy)


def _trained(cache_dir, corpus, preset, seed):
    if corpus.splits["train"].label is None:
        raise UserError(
            f"{corpus.name}: the clips carry no digit labels, so no classifier can be trained for "
            "the inception score; give one with --classifier"
        )
    config = DigitClassifierConfig(**dict(preset.classifier))
    folder = cache_dir / "classifiers"
    classifier = train_classifier(folder, corpus, config, preset.classifier_steps, seed)
    accuracy = read_accuracy(folder, corpus, config, preset.classifier_steps, seed)
    test = accuracy.get("test", {}).get("accuracy")
    return Scorer(classifier, "trained here", fingerprint(classifier), test)


def load_classifier(folder):
    """Load the best weights of a classifier that `train_classifier` trained.

    Raises:
      UserError: the folder holds no trained classifier.
    """
    try:
        description = read_description(folder)
    except OSError:
        description = {}
    if description.get("system") != "DigitClassifier":
        raise UserError(f"--classifier: {folder} is not the folder of a trained classifier")
    return load_model(folder, "best")[0]


def fingerprint(classifier):
    """Return 16 hexadecimal digits that identify a classifier's weights."""
    digest = hashlib.sha256()
    for name, variable in sorted(classifier.named_variables().items()):
        digest.update(name.encode("utf-8"))
        digest.update(np.ascontiguousarray(variable.numpy()).tobytes())
    return digest.hexdigest()[:16]
