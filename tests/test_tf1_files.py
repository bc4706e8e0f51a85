"""TensorFlow 1 checkpoints are read by any of their files, and refused where they are damaged."""

import pathlib
import random

import numpy as np
import pytest
import tensorflow as tf

from tests.tf1_writer import save_checkpoint
from tfwave.errors import UserError
from tfwave.tf1_files import is_tf1_checkpoint, is_weight, read_tf1_checkpoint

RANDOM = np.random.default_rng(0)
TENSORS = {
    "G/conv/kernel": RANDOM.normal(size=(25, 3, 4)).astype(np.float32),
    "G/conv/kernel/Adam": np.zeros((25, 3, 4), np.float32),
    "G/conv/kernel/Adam_1": np.zeros((25, 3, 4), np.float32),
    "G/conv/bias": np.arange(4, dtype=np.float32),
    "D/scale": np.float64(2.0),
    "beta1_power": np.float32(0.5),
    "global_step": np.int64(7),
}
NAME = "model.ckpt-7"
DATA = f"{NAME}.data-00000-of-00001"


@pytest.fixture
def prefix(tmp_path):
    """The prefix of a checkpoint that a test may damage."""
    return save_checkpoint(tmp_path / NAME, TENSORS)


def assert_whole(read):
    assert sorted(read) == sorted(TENSORS)
    for name, value in TENSORS.items():
        np.testing.assert_array_equal(read[name], value, strict=False)
        assert read[name].dtype == value.dtype


@pytest.mark.parametrize("ending", ["", ".index", ".data-00000-of-00001", ".meta"])
def test_any_of_the_files_names_a_checkpoint(prefix, ending):
    assert is_tf1_checkpoint(pathlib.Path(prefix + ending))
    assert_whole(read_tf1_checkpoint(pathlib.Path(prefix + ending)))


def test_a_folder_stands_for_its_latest_checkpoint(prefix, tmp_path):
    assert not is_tf1_checkpoint(tmp_path)
    with pytest.raises(UserError, match="'checkpoint' names no checkpoint"):
        read_tf1_checkpoint(tmp_path)
    (tmp_path / "checkpoint").write_text(f'model_checkpoint_path: "{NAME}"\n')
    assert is_tf1_checkpoint(tmp_path)
    assert_whole(read_tf1_checkpoint(tmp_path))
    (tmp_path / "checkpoint").write_text("nonsense")
    with pytest.raises(UserError, match="'checkpoint' names no checkpoint"):
        read_tf1_checkpoint(tmp_path)


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_what_the_saver_of_tensorflow_1_writes_is_read(tmp_path, version):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        for name, value in TENSORS.items():
            v1.get_variable(name, initializer=value, use_resource=False)
        session.run(v1.global_variables_initializer())
        saver = v1.train.Saver(write_version=getattr(v1.train.SaverDef, version))
        path = saver.save(session, str(tmp_path / "model.ckpt"), global_step=7)
    assert is_tf1_checkpoint(path)
    assert_whole(read_tf1_checkpoint(path))


def test_only_what_is_wanted_is_read(prefix):
    assert sorted(read_tf1_checkpoint(prefix, is_weight)) == [
        "D/scale",
        "G/conv/bias",
        "G/conv/kernel",
    ]


def test_missing_files_are_named(prefix, tmp_path):
    data = tmp_path / DATA
    content = data.read_bytes()
    data.unlink()
    with pytest.raises(UserError, match="data-00000-of-00001: no such file"):
        read_tf1_checkpoint(prefix)
    (tmp_path / f"{NAME}.data-00000-of-00002").write_bytes(content)
    with pytest.raises(UserError, match="1 of its 2 data files"):
        read_tf1_checkpoint(prefix)
    (tmp_path / f"{NAME}.index").unlink()
    with pytest.raises(UserError, match=r"index: no such file"):
        read_tf1_checkpoint(prefix)
    assert not is_tf1_checkpoint(prefix)


def test_damaged_data_is_noticed(prefix, tmp_path):
    data = tmp_path / DATA
    content = data.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    data.write_bytes(flipped)
    with pytest.raises(UserError, match="tensor G/conv/kernel.* cannot be read.*corrupt"):
        read_tf1_checkpoint(prefix)
    for part in (content[:20], b"", b"version https://git-lfs.github.com/spec/v1\n"):
        data.write_bytes(part)
        with pytest.raises(UserError, match="cut short"):
            read_tf1_checkpoint(prefix)


def test_a_damaged_index_is_noticed(prefix, tmp_path):
    index = tmp_path / f"{NAME}.index"
    content = index.read_bytes()
    index.write_bytes(b"not an index")
    with pytest.raises(UserError, match="not a readable checkpoint index"):
        read_tf1_checkpoint(prefix)
    places = random.Random(0)
    for _ in range(60):
        changed = bytearray(content)
        changed[places.randrange(len(content))] ^= 1 << places.randrange(8)
        index.write_bytes(changed)
        try:
            assert_whole(read_tf1_checkpoint(prefix))
        except UserError as error:
            assert str(tmp_path) in str(error)
