"""Weights of the digit classifier in checkpoints with the layout of the released one."""

import numpy as np
import pytest
import tensorflow as tf

from tests.models.authors_weights import check_both_directions, check_refusals
from tests.tf1_writer import save_checkpoint
from tfwave.errors import UserError
from tfwave.models.digit_classifier import weights
from tfwave.models.digit_classifier.config import DigitClassifierConfig
from tfwave.models.digit_classifier.digit_classifier import DigitClassifier

TINY = DigitClassifierConfig(slice_len=4096, n_mels=16, filters=3, blocks=2, classes=4)


def authors_layout():
    """Names and shapes of the released checkpoint, as its index file lists them."""
    layout = {"global_step": []}
    for i, size in enumerate([128, 128, 128, 128, 8192]):
        name = "classifier/batch_normalization" + (f"_{i}" if i else "")
        for field in ("beta", "gamma", "moving_mean", "moving_variance"):
            layout[f"{name}/{field}"] = [size]
    for i in range(4):
        name = "classifier/conv2d" + (f"_{i}" if i else "")
        layout[f"{name}/kernel"] = [5, 5, 128 if i else 1, 128]
        layout[f"{name}/bias"] = [128]
    layout["classifier/dense/kernel"] = [8192, 10]
    layout["classifier/dense/bias"] = [10]
    return layout


def random_tensors(layout):
    random = np.random.default_rng(0)
    tensors = {}
    for name, shape in layout.items():
        value = (
            random.uniform(0.5, 1.5, shape)
            if "moving_variance" in name
            else (0.05 * random.standard_normal(shape))
        )
        tensors[name] = np.asarray(value, np.float32)
    tensors["global_step"] = np.int64(103005)
    return tensors


@pytest.fixture(scope="module")
def tensors():
    return random_tensors(authors_layout())


def variables(model):
    layers = [model.input_norm, *model.convolutions, *model.norms, model.flat_norm, model.dense]
    return [variable for layer in layers for variable in layer.variables]


def test_both_directions():
    model = DigitClassifier(TINY)
    check_both_directions(weights, model, DigitClassifier(TINY, 1), variables)
    check_refusals(weights, model)


def test_the_released_layout_gives_the_scores_of_those_weights(tensors, tmp_path):
    loaded = weights.from_authors(save_checkpoint(tmp_path / "best_acc-103005", tensors))
    expected = DigitClassifier()
    assert loaded.config == expected.config
    clips = np.random.default_rng(1).uniform(-1, 1, [2, 16384]).astype(np.float32)
    # Another computation of the same network: every variable is where it belongs.
    np.testing.assert_allclose(loaded.logits(clips), by_hand(tensors, clips, loaded), atol=2e-4)


def by_hand(tensors, clips, classifier):
    def norm(x, i):
        name = "classifier/batch_normalization" + (f"_{i}" if i else "")
        gamma, beta, mean, variance = (
            tensors[f"{name}/{f}"] for f in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta

    x = norm(classifier.log_mel(clips).numpy(), 0)[..., np.newaxis]
    for i in range(4):
        name = "classifier/conv2d" + (f"_{i}" if i else "")
        x = x if i == 0 else norm(x, i)
        x = tf.nn.conv2d(x, tensors[f"{name}/kernel"], 1, "SAME") + tensors[f"{name}/bias"]
        x = tf.nn.max_pool2d(tf.nn.relu(x), 2, 2, "VALID").numpy()
    x = norm(x.reshape(len(x), -1), 4)
    return x @ tensors["classifier/dense/kernel"] + tensors["classifier/dense/bias"]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"classifier/dense/kernel": np.zeros([4, 2], np.float32)}, "dense/kernel has shape"),
        ({"classifier/conv2d/kernel": np.zeros([5, 5, 2], np.float32)}, "4 axes are expected"),
        ({"classifier/conv2d_1/bias": None}, "conv2d_1/bias is missing"),
        ({"classifier/dense/kernel": None}, "dense/kernel is missing"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(tmp_path, change, message):
    arrays = weights.to_authors(DigitClassifier(TINY)) | change
    changed = {name: value for name, value in arrays.items() if value is not None}
    prefix = save_checkpoint(tmp_path / "best_acc-1", changed)
    with pytest.raises(UserError, match=f"best_acc-1: classifier/.*{message}"):
        weights.from_authors(prefix, slice_len=4096)
