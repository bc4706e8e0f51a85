"""Pickles of containers, numbers, texts and NumPy arrays, read without calling what they name."""

import os

import numpy as np

from tfwave.errors import UserError
from tfwave.restricted_pickle import Allowed, BoundedReader, hashable, load


def read_pickle(path: str | os.PathLike) -> object:
    """Read a pickle of Python 2 or 3 that holds plain values and NumPy arrays.

    Args:
      path: of the file.

    Returns:
      What was pickled; ordered dicts as dicts.

    Raises:
      UserError: it holds anything else, or is damaged; names the file.
      OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        try:
            return load(BoundedReader(file), PLAIN)
        except UserError as error:
            raise UserError(f"{os.fspath(path)}: {error}") from None


class _NumpyType:
    """A NumPy type of numbers as it is pickled: its code first, then its byte order.

    Raises:
      UserError: a type that is none of numbers.
    """

    def __init__(self, code, align=False, copy=False):
        self.dtype = np.dtype(str(code))
        if self.dtype.kind not in "biufc":
            raise UserError(f"refused: an array of NumPy type {code}, which is none of numbers")


def _set_byte_order(kind, state):
    if state[1] in ("<", ">"):
        kind.dtype = kind.dtype.newbyteorder(state[1])


def _set_array(array, state):
    """Give a pickled array its shape and numbers."""
    _, shape, kind, fortran, content = state
    shape = tuple(map(int, shape))
    array.__setstate__((1, shape, kind.dtype, bool(fortran), _bytes(content)))


def _numpy_scalar(kind, content):
    return np.frombuffer(_bytes(content), kind.dtype, 1)[0]


def _numpy_array(kind, shape, code):
    return np.empty(0, np.uint8)  # BUILD follows


def _numpy_from_buffer(content, kind, shape, order, axes=None):
    """An array as protocol 5 has it."""
    if axes is not None:
        raise ValueError("an array has its axes in another order")
    return np.frombuffer(content, kind.dtype).reshape(shape, order=order)


def _bytes(content):
    """Bytes, which Python 2 wrote as a text of one character for each."""
    return content.encode("latin-1") if isinstance(content, str) else bytes(memoryview(content))


def _encode(text, encoding):
    """Turn a text into bytes, which protocol 2 cannot write otherwise."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"bytes are encoded as {encoding}")
    return text.encode("latin-1")


def _dict(items=()):
    pairs = items.items() if type(items) is dict else items
    return {hashable(key): value for key, value in pairs}


_ARRAY_FUNCTIONS = {
    "multiarray.scalar": _numpy_scalar,
    "multiarray._reconstruct": _numpy_array,
    "numeric._frombuffer": _numpy_from_buffer,
}
# Containers, and NumPy's numbers and arrays.
PLAIN = Allowed(
    functions={
        "collections.OrderedDict": _dict,
        "collections.defaultdict": lambda factory=None, items=(): _dict(items),
        "builtins.dict": _dict,
        "builtins.list": list,
        "builtins.tuple": tuple,
        "builtins.bytes": lambda: b"",  # protocol 2 has no other empty ones
        "builtins.set": lambda items=(): set(map(hashable, items)),
        "builtins.frozenset": lambda items=(): frozenset(map(hashable, items)),
        "_codecs.encode": _encode,
        "numpy.dtype": _NumpyType,
        **{
            f"numpy.{core}.{name}": function
            for core in ("core", "_core")
            for name, function in _ARRAY_FUNCTIONS.items()
        },
    },
    constants={"numpy.ndarray": None},
    states={_NumpyType: _set_byte_order, np.ndarray: _set_array},
)
