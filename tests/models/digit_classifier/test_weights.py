"""TF1 checkpoints, written here with TF1's own Saver in the layout of the released classifier."""

import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tfwave.models.digit_classifier.digit_classifier import DigitClassifier
from tfwave.models.digit_classifier.weights import (
    TF1CheckpointError,
    load_authors_classifier,
    read_tf1_checkpoint,
)

PREFIX = "best_acc-103005"


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


def save(folder, tensors):
    """Write a checkpoint as a TF1 program does."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        for name, value in tensors.items():
            v1.get_variable(name, initializer=value, use_resource=False)
        session.run(v1.global_variables_initializer())
        return v1.train.Saver().save(session, str(folder / PREFIX[: PREFIX.index("-")]), 103005)


@pytest.fixture(scope="module")
def tensors():
    return random_tensors(authors_layout())


@pytest.fixture(scope="module")
def checkpoint(tensors, tmp_path_factory):
    return save(tmp_path_factory.mktemp("checkpoint"), tensors)


@pytest.fixture
def copied(checkpoint, tmp_path):
    """A checkpoint that a test may damage."""

    for path in pathlib.Path(checkpoint).parent.glob(PREFIX + "*"):
        shutil.copy(path, tmp_path)
    return tmp_path / PREFIX


@pytest.mark.parametrize("ending", ["", ".index", ".data-00000-of-00001", ".meta"])
def test_all_tensors_come_back_from_any_of_the_files(checkpoint, tensors, ending):
    read = read_tf1_checkpoint(checkpoint + ending)
    assert sorted(read) == sorted(tensors)
    for name, value in tensors.items():
        np.testing.assert_array_equal(read[name], value)


def test_the_released_layout_gives_the_scores_of_those_weights(checkpoint, tensors):
    loaded = load_authors_classifier(checkpoint)
    expected = DigitClassifier()
    expected.assign_named(tensors)
    clips = np.random.default_rng(1).uniform(-1, 1, [2, 16384]).astype(np.float32)
    assert loaded.config == expected.config
    np.testing.assert_array_equal(loaded.logits(clips), expected.logits(clips))
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


def test_missing_files_are_named(copied):
    data = copied.with_name(PREFIX + ".data-00000-of-00001")
    content = data.read_bytes()
    data.unlink()
    with pytest.raises(TF1CheckpointError, match="data-00000-of-00001: no such file"):
        load_authors_classifier(copied)
    data.with_name(PREFIX + ".data-00000-of-00002").write_bytes(content)
    with pytest.raises(TF1CheckpointError, match="1 of its 2 data files"):
        load_authors_classifier(copied)
    copied.with_name(PREFIX + ".index").unlink()
    with pytest.raises(TF1CheckpointError, match=r"index: no such file"):
        load_authors_classifier(copied)


def test_damaged_data_is_noticed(copied):
    data = copied.with_name(PREFIX + ".data-00000-of-00001")
    content = data.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    data.write_bytes(flipped)
    with pytest.raises(TF1CheckpointError, match="classifier/conv2d_[0-9]/kernel.*corrupt"):
        load_authors_classifier(copied)
    data.write_bytes(content[:1000])
    with pytest.raises(TF1CheckpointError, match="cut short"):
        load_authors_classifier(copied)
    data.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(TF1CheckpointError, match="cut short"):
        load_authors_classifier(copied)


def test_a_damaged_index_is_noticed(copied):
    copied.with_name(PREFIX + ".index").write_bytes(b"not an index")
    with pytest.raises(TF1CheckpointError, match="not a readable checkpoint index"):
        read_tf1_checkpoint(copied)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"classifier/dense/kernel": np.zeros([4096, 10], np.float32)}, "dense/kernel has shape"),
        ({"classifier/conv2d/kernel": np.zeros([5, 5, 128], np.float32)}, "expected 4 axes"),
        ({"classifier/conv2d_2/bias": None}, "conv2d_2/bias is missing"),
        ({"classifier/dense/kernel": None}, "dense/kernel is missing"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(tensors, tmp_path, change, message):
    changed = {name: v for name, v in {**tensors, **change}.items() if v is not None}
    prefix = save(tmp_path, changed)
    with pytest.raises(TF1CheckpointError, match=f"not a checkpoint of the WaveGAN.*{message}"):
        load_authors_classifier(prefix)
