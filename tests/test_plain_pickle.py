"""Pickles of plain values are read, those of Python 2 too, and anything else is refused."""

import os
import pickle

import numpy as np
import pytest

from tfwave.errors import UserError
from tfwave.plain_pickle import read_pickle

MEAN = np.linspace(-9, 1, 129).astype(np.float32)
STD = np.linspace(1, 2, 129)


def python_2(*arrays):
    """What Python 2's pickle.dump(arrays) writes, with its default protocol."""
    text = "("
    for array in arrays:
        content = array.tobytes().decode("latin-1").encode("unicode_escape").decode("ascii")
        content = content.replace("'", "\\'")
        text += (
            "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
            f"(I1\n(I{array.size}\ntcnumpy\ndtype\n(S'{array.dtype.str[1:]}'\nI0\nI1\ntR"
            f"(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'{content}'\ntb"
        )
    return (text + "t.").encode("ascii")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "moments.pkl"


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_arrays_of_python_3(path, protocol):
    path.write_bytes(pickle.dumps((MEAN, STD, np.int64(3)), protocol))
    mean, std, number = read_pickle(path)
    np.testing.assert_array_equal(mean, MEAN, strict=True)
    np.testing.assert_array_equal(std, STD, strict=True)
    assert number == 3


def test_arrays_of_python_2(path):
    path.write_bytes(python_2(MEAN, STD))
    mean, std = read_pickle(path)
    np.testing.assert_array_equal(mean, MEAN, strict=True)
    np.testing.assert_array_equal(std, STD, strict=True)


class Shell:
    def __reduce__(self):
        return os.system, ("touch hacked",)


def test_anything_else_is_refused(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for content, message in (
        (pickle.dumps([Shell()]), "wants to call posix.system"),
        (pickle.dumps(np.array([Shell()])), "type O8, which is none of numbers"),
        (pickle.dumps(np.array(["text"])), "type U4, which is none of numbers"),
        (pickle.dumps(os.getpid), "names posix.getpid"),
        (pickle.dumps(MEAN)[:-9], "cut short or damaged"),
        (pickle.dumps(MEAN).replace(b"K\x81\x85", b"K\x82\x85"), "cut short or damaged"),
        (b"", "cut short or damaged"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=f"moments.pkl: .*{message}"):
            read_pickle(path)
    assert not (tmp_path / "hacked").exists()
