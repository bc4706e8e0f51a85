"""Tensors as PyTorch pickles them: views of storages that lie beside the pickle.

Source: torch/_utils.py (_rebuild_*) and torch/serialization.py (persistent_id).
"""

import dataclasses
import math
from typing import BinaryIO, Literal, cast

import numpy as np

from tfwave import restricted_pickle
from tfwave.errors import UserError
from tfwave.plain_pickle import PLAIN
from tfwave.restricted_pickle import Allowed, BoundedReader, Global, Record

# A view may repeat the elements of its storage, by strides of 0, up to this many.
_MOST_REPEATED = 1 << 20
_MOST_AXES = 32


@dataclasses.dataclass(frozen=True)
class ElementType:
    """What the numbers of a storage or tensor are.

    Attributes:
      name: of the type in PyTorch.
      stored: NumPy's type of as many bytes; of bfloat16 that of its upper half of a float32.
    """

    name: str
    stored: str

    @property
    def size(self) -> int:
        """Bytes."""
        return np.dtype(self.stored).itemsize


_NAMES = (
    "uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 float32 float64 complex64 complex128"
)
_TYPES = {name: ElementType(name, name) for name in _NAMES.split()}
_TYPES |= {"bool": ElementType("bool", "bool"), "bfloat16": ElementType("bfloat16", "uint16")}
_STORAGES = {
    "Float": "float32",
    "Double": "float64",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Byte": "uint8",
    "Char": "int8",
    "Short": "int16",
    "Int": "int32",
    "Long": "int64",
    "Bool": "bool",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
    "Untyped": "uint8",
}


@dataclasses.dataclass(frozen=True)
class Storage:
    """Numbers beside the pickle, which several tensors may share.

    Attributes:
      key: its name in the file.
      kind: type of its elements.
      count: how many elements.
      start: elements of the stored numbers that are not its own (legacy views of storages).
    """

    key: str
    kind: ElementType
    count: int
    start: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
    """A view of a storage; offset and strides count elements.

    Raises:
      ValueError: the view goes beyond its storage.
    """

    storage: Storage
    kind: ElementType
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self):
        numbers = (self.offset, *self.shape, *self.strides)
        if len(self.shape) != len(self.strides) or len(self.shape) > _MOST_AXES:
            raise ValueError("a tensor has as many strides as it has axes, 32 at most")
        if not all(type(number) is int and 0 <= number < 1 << 48 for number in numbers):
            raise ValueError("a tensor's offset, shape and strides are whole numbers from 0")
        last = self.offset + sum(
            (size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True)
        )
        available = self.storage.count * self.storage.kind.size // self.kind.size
        elements = math.prod(max(size, 1) for size in self.shape)
        if (0 not in self.shape and last >= available) or elements > max(available, _MOST_REPEATED):
            raise ValueError(f"a tensor of shape {list(self.shape)} goes beyond its storage")

    def array(self, content: bytes, byte_order: str) -> np.ndarray:
        """Return the tensor as a read-only array, which shares memory with others of its storage.

        Args:
          content: the stored numbers.
          byte_order: "<" or ">".

        Raises:
          UserError: fewer numbers than the storage should have.
        """
        storage = self.storage
        start, size = (n * storage.kind.size for n in (storage.start, storage.count))
        if len(content) < start + size:
            raise UserError(
                f"cut short or damaged: storage {storage.key} has {len(content)} bytes of "
                f"{start + size}"
            )
        kind = np.dtype(self.kind.stored).newbyteorder(cast(Literal["<", ">"], byte_order))
        elements = np.frombuffer(content, kind, size // kind.itemsize, start)
        array = np.lib.stride_tricks.as_strided(
            elements[self.offset :],
            self.shape,
            [stride * kind.itemsize for stride in self.strides],
            writeable=False,
        )
        if self.kind.name == "bfloat16":
            array = (array.astype(np.uint32) << 16).view(np.float32)
        elif not kind.isnative:
            array = array.astype(kind.newbyteorder("="))
        array.flags.writeable = False
        return array


def load(stream: BinaryIO | BoundedReader, item_sizes: dict[str, int] | None = None) -> object:
    """Read a pickle of containers, modules and tensors.

    Args:
      stream: see `restricted_pickle.load`.
      item_sizes: gets {key: bytes of an element} of each storage that is named, or None.

    Returns:
      What was pickled, with a `Tensor` for each tensor and a `Record` for each module.

    Raises:
      UserError: see `restricted_pickle.load`.
    """

    def persistent(identifier):
        if type(identifier) is tuple and identifier[0] == "module":  # legacy: with its source
            return identifier[1]
        storage = _storage(*identifier)
        if item_sizes is not None:
            item_sizes.setdefault(storage.key, storage.kind.size)
        return storage

    return restricted_pickle.load(stream, _ALLOWED, persistent)


def _storage(what, kind, key, device, count, view=None):
    """The storage of a persistent id; a view is (key of its own, start, count)."""
    if what != "storage" or type(kind) is not ElementType or type(count) is not int:
        raise ValueError("a persistent id is none of a storage")
    start = 0
    if view is not None:
        _, start, count = view
    if not all(type(number) is int and 0 <= number < 1 << 48 for number in (start, count)):
        raise ValueError("a storage has no size")
    return Storage(str(key), kind, count, start)


def _tensor(storage, offset, shape, strides):
    if type(storage) is not Storage:
        raise ValueError("a tensor has no storage")
    return Tensor(storage, storage.kind, offset, shape, strides)


def _tensor_2(storage, offset, shape, strides, requires_grad=False, hooks=None, metadata=None):
    if metadata and any(metadata.values()):
        raise UserError("refused: a tensor is stored negated or conjugated")
    return _tensor(storage, offset, shape, strides)


def _tensor_3(storage, offset, shape, strides, requires_grad, hooks, kind, metadata=None):
    tensor = _tensor_2(storage, offset, shape, strides, metadata=metadata)
    if type(kind) is not ElementType:
        raise ValueError("a tensor has no type")
    return dataclasses.replace(tensor, kind=kind)


def _parameter(tensor, requires_grad=True, hooks=None, state=None):
    return tensor


def _tensor_of_class(function, kind, args, state):
    """A tensor with attributes of its own, which are left out."""
    if not isinstance(function, Global) or function.function not in (_tensor_2, _tensor_3):
        raise ValueError("a tensor is made by another function")
    return function.function(*args)


def _old_backend():
    """What modules of before PyTorch 1.2 have as `_backend`."""
    return Record("torch.nn.backends.thnn.THNNFunctionBackend")


_ALLOWED = Allowed(
    functions={
        **PLAIN.functions,
        "torch._utils._rebuild_tensor": _tensor,
        "torch._utils._rebuild_tensor_v2": _tensor_2,
        "torch._utils._rebuild_tensor_v3": _tensor_3,
        "torch._utils._rebuild_parameter": _parameter,
        "torch._utils._rebuild_parameter_with_state": _parameter,
        "torch._tensor._rebuild_from_type_v2": _tensor_of_class,
        "torch.nn.backends.thnn._get_thnn_function_backend": _old_backend,
        "torch.Size": tuple,
        "torch.device": lambda *parts: ":".join(map(str, parts)),
    },
    constants={
        **PLAIN.constants,
        "torch.Tensor": None,
        "torch.nn.parameter.Parameter": None,
        **{f"torch.{name}": kind for name, kind in _TYPES.items()},
        **{f"torch.{name}Storage": _TYPES[kind] for name, kind in _STORAGES.items()},
        "torch.storage.UntypedStorage": _TYPES["uint8"],
    },
    states=PLAIN.states,
)
