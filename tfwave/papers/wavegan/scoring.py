"""The scores of Table 1 of "Adversarial Audio Synthesis", measured as its authors do.

Clips are 16-bit integers on their way to every score, because the authors write wav files and
score those: the classifier gets them divided by 32767, the similarity features get the integers
themselves (arXiv:1802.04208v1 section 6 and the authors' eval folder).
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf

from tfwave import files
from tfwave.audio.files import to_int16
from tfwave.data.slices import read_slices, slice_table
from tfwave.metrics.artifact_noise import artifact_envelope, artifact_noise
from tfwave.metrics.inception_score import authors_order, inception_score, log_softmax
from tfwave.metrics.similarity import nearest_distance, similarity_features
from tfwave.models.wavegan.wavegan import WaveGANGenerator

BLOCK = 100  # clips generated and classified at a time, as in the authors' script
RATIOS = ("d_self", "d_train", "noise")


@dataclasses.dataclass(frozen=True)
class Clips:
    """A set of clips in blocks, so that 50,000 of them are never in memory at once.

    Attributes:
      count: number of clips.
      blocks: function without arguments giving an iterable of int16 arrays [n, time].
      labels: true class of every clip, or None.
    """

    count: int
    blocks: Callable[[], Iterable[np.ndarray]]
    labels: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class ReferenceScores:
    """References that clips are scored against.

    Attributes:
      logits: function of float32 [n, time] giving float32 [n, classes].
      train_features: similarity features of the training set, array [clips, frames, bands].
      envelope: spectrum of the upsampling artifacts, see `metrics.artifact_noise`.
      splits: groups of the inception score.
      distance_clips: clips of the distances and the noise.
    """

    logits: Callable[[np.ndarray], np.ndarray]
    train_features: np.ndarray
    envelope: np.ndarray
    splits: int
    distance_clips: int


def recorded(split, slices):
    """Return the clips of recordings, in the order in which the authors' scripts read them.

    Args:
      split: `Split`.
      slices: `SliceConfig`; a random start is not used.

    Returns:
      `Clips`.
    """
    store = split.store
    table = slice_table(store.lengths, dataclasses.replace(slices, random_offset=False), 0, 0)
    names = [(store.names[file], int(start)) for file, start in table]
    table = table[authors_order(names)]
    labels = None if split.label is None else split.label[table[:, 0]]

    def blocks():
        for start in range(0, len(table), BLOCK):
            clips = read_slices(store, table[start : start + BLOCK], slices.slice_len)[:, :, 0]
            yield np.clip(np.round(clips * 32768.0), -32768, 32767).astype(np.int16)

    return Clips(len(table), blocks, labels)


def generated(model, count, seed):
    """Return the clips that a model generates from the first `count` latents of a seed.

    Args:
      model: WaveGAN or SpecGAN.
      count: number of clips.
      seed: of the latents.

    Returns:
      `Clips`; they are generated anew each time they are read.
    """

    def blocks():
        for first in range(0, count, BLOCK):
            latents = model.sample_latents(min(BLOCK, count - first), seed, first)
            yield to_int16(np.asarray(model.generate(latents=latents, batch_size=BLOCK))[:, :, 0])

    return Clips(count, blocks)


def classify(clips, logits):
    """Return float32 [count, classes] scores of all clips."""
    return np.concatenate([logits(block.astype(np.float32) / 32767.0) for block in clips.blocks()])


def logits_function(classifier):
    """Return a compiled function of clips float32 [n, time] giving NumPy scores [n, classes]."""
    length = classifier.config.slice_len
    compiled = tf.function(
        classifier.logits,
        input_signature=[tf.TensorSpec([None, length], tf.float32)],
        jit_compile=False,
    )

    def logits(clips):
        clips = np.pad(clips[:, :length], [(0, 0), (0, max(0, length - clips.shape[1]))])
        return compiled(tf.constant(clips, tf.float32)).numpy()

    return logits


def whole_splits(count, splits):
    """Return the largest number of clips that divides into equal splits."""
    return count - count % splits


def score(clips, references, keep):
    """Measure a set of clips.

    Args:
      clips: `Clips`.
      references: `ReferenceScores`.
      keep: number of first clips to return for listening.

    Returns:
      (measured, details): `measured` maps inception_score, d_self, d_train and noise to
      {mean, pm or absolute values, n}; `details` has the kept clips, their predicted classes and
      more.
    """
    logits, near, kept, squares = [], [], [], 0.0
    for block in clips.blocks():
        scaled = block.astype(np.float32) / 32767.0
        logits.append(references.logits(scaled))
        squares += float(np.sum(np.sqrt(np.mean(np.square(scaled), axis=1))))
        near += list(block[: references.distance_clips - len(near)])
        kept += list(block[: keep - len(kept)])
    logits, near = np.concatenate(logits), np.stack(near)
    count = whole_splits(len(logits), references.splits)
    mean, deviation = inception_score(logits=logits[:count], splits=references.splits)
    features = similarity_features(near)
    measured = {
        "inception_score": {"mean": mean, "pm": deviation, "n": count, "splits": references.splits},
        "d_self": _absolute(nearest_distance(features, features, exclude_self=True), near),
        "d_train": _absolute(nearest_distance(features, references.train_features), near),
        "noise": _absolute(artifact_noise(near / 32767.0, references.envelope), near),
    }
    return measured, _details(clips, logits, kept, squares / len(logits))


def _absolute(pair, clips):
    return {"absolute": pair[0], "absolute_std": pair[1], "n": len(clips)}


def _details(clips, logits, kept, rms):
    """Collect what a report shows beside the scores."""
    probabilities = np.exp(log_softmax(logits))
    predicted = np.argmax(logits, axis=1)
    details = {
        "clips": kept,
        "predicted": predicted[: len(kept)].tolist(),
        "probability": np.max(probabilities[: len(kept)], axis=1).tolist(),
        "rms": rms,
        "share_of_classes": np.bincount(predicted, minlength=logits.shape[1]) / len(logits),
    }
    if clips.labels is not None:
        details["labels"] = clips.labels[: len(kept)].tolist()
        details["accuracy"] = float(np.mean(predicted == clips.labels))
    return details


def relative(measured, reference):
    """Add to the distances and the noise their ratio to those of the real test set.

    Args:
      measured: from `score`.
      reference: the same of the real test set.

    Returns:
      A copy of `measured` whose ratios have a `mean`.
    """
    ratios = {
        name: {
            **measured[name],
            "mean": _ratio(measured[name]["absolute"], reference[name]["absolute"]),
        }
        for name in RATIOS
    }
    return {**measured, **ratios}


def _ratio(value, reference):
    """Divide; None where the reference is zero (a test set of duplicates)."""
    return value / reference if reference else None


def train_features(clips, name, cache_dir, progress=lambda clips: clips):
    """Return the similarity features of a training set, computed once and kept on disk.

    Args:
      clips: `Clips` of the whole set.
      name: fingerprint of the set.
      cache_dir: folder of the cache, a `pathlib.Path`.
      progress: wraps the iterable of blocks.

    Returns:
      float32 array [clips, 128, 128], memory-mapped (65 kB per clip).
    """
    path = cache_dir / "similarity" / f"{name}-{clips.count}.npy"
    if not path.exists():

        def write(stream):
            header = {"descr": "<f4", "fortran_order": False, "shape": (clips.count, 128, 128)}
            np.lib.format.write_array_header_1_0(stream, header)
            for block in progress(clips.blocks()):
                stream.write(similarity_features(block).astype("<f4").tobytes())

        files.atomic_write(path, write)
    return np.load(path, mmap_mode="r")


def envelope(config, networks, seed, cache_dir):
    """Return the spectrum of the generator's upsampling artifacts, kept on disk.

    Args:
      config: `WaveGANConfig` of the plain WaveGAN row.
      networks: number of random initialisations.
      seed: of the first one.
      cache_dir: folder of the cache, a `pathlib.Path`.

    Returns:
      float64 array [slice_len // 2 + 1] in 0..1.
    """
    # The versions of Keras draw different initial weights from the same seed.
    circumstances = [dataclasses.asdict(config), networks, seed, keras.__version__.split(".")[0]]
    name = hashlib.sha256(repr(circumstances).encode("utf-8")).hexdigest()[:16]
    path = cache_dir / "artifacts" / f"{name}.npy"
    if not path.exists():
        response = artifact_envelope(lambda s: _impulse_response(config, s), networks, seed)
        files.atomic_write(path, lambda stream: np.save(stream, response))
    return np.load(path)


def _impulse_response(config, seed):
    """Drive the first upsampling layer of a fresh generator with one impulse per channel."""
    generator = WaveGANGenerator(config, seed)
    generator.build((None, config.latent_dim))
    frames, width = generator.first_dims
    impulses = np.zeros((1, frames, width), np.float32)
    impulses[0, np.arange(width) % frames, np.arange(width)] = 1.0
    return generator.upsampled(tf.constant(impulses))[-1].numpy()[0, :, 0]
