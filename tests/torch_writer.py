"""Files with the bytes of `torch.save`, written without PyTorch.

Both formats of PyTorch's torch/serialization.py: the zip archive and the legacy chain of pickles.
"""

import collections
import io
import pickle
import struct
import zipfile

import numpy as np

_STORAGES = {
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "float16": "HalfStorage",
    "uint8": "ByteStorage",
    "int8": "CharStorage",
    "int16": "ShortStorage",
    "int32": "IntStorage",
    "int64": "LongStorage",
    "bool": "BoolStorage",
    "complex64": "ComplexFloatStorage",
}


class Name:
    """A function or class, by its full name, that need not exist here."""

    def __init__(self, name):
        self.name = name

    def __call__(self):
        raise AssertionError("only written")


class Call:
    """A function, as a `Name`, that the reader shall call with arguments."""

    def __init__(self, name, *args):
        self.name, self.args = Name(name), args


class Module:
    """An object of a class that need not exist here."""

    def __init__(self, name, /, **attributes):
        self.name, self.attributes = Name(name), attributes


class Storage:
    """Numbers that tensors share.

    Args:
      array: its numbers, in one dimension.
      kind: PyTorch's class of storages; None for that of the array.
    """

    def __init__(self, array, kind=None):
        self.array = np.ascontiguousarray(array).reshape(-1)
        self.kind = kind or _STORAGES[self.array.dtype.name]


def tensor(array):
    """The call that rebuilds an array as a tensor with a storage of its own."""
    array = np.ascontiguousarray(array)
    strides = tuple(stride // array.itemsize for stride in array.strides)
    return view(Storage(array), 0, array.shape, strides)


def view(storage, offset, shape, strides):
    """The call that rebuilds a view of a storage; all in elements."""
    hooks = collections.OrderedDict()
    args = (storage, offset, tuple(shape), tuple(strides), False, hooks)
    return Call("torch._utils._rebuild_tensor_v2", *args)


def bfloat16(array):
    """The call that rebuilds the upper halves of float32 numbers."""
    halves = (np.asarray(array, np.float32).view(np.uint32) >> 16).astype(np.uint16)
    strides = tuple(stride // 2 for stride in halves.strides)
    return view(Storage(halves, "BFloat16Storage"), 0, halves.shape, strides)


def parameter(array):
    """The call that rebuilds a parameter."""
    return Call("torch._utils._rebuild_parameter", tensor(array), True, collections.OrderedDict())


def module(kind, state_dict, /, **attributes):
    """A whole module with the parameters of a state dict, in modules as their names have it.

    Args:
      kind: full name of its class.
      state_dict: {name with dots: array}.
      **attributes: further attributes of the module itself.
    """
    own, inner = {}, {}
    for name, array in state_dict.items():
        first, _, rest = name.partition(".")
        if rest:
            inner.setdefault(first, {})[rest] = array
        else:
            own[first] = parameter(array)
    modules = {
        name: module("torch.nn.modules.container.ModuleList", part) for name, part in inner.items()
    }
    return Module(
        kind,
        training=True,
        _parameters=collections.OrderedDict(own),
        _buffers=collections.OrderedDict(),
        _non_persistent_buffers_set=set(),
        _modules=collections.OrderedDict(modules),
        **attributes,
    )


class _Pickler(pickle._Pickler):
    """Python's pickler with the persistent ids of PyTorch."""

    dispatch = dict(pickle._Pickler.dispatch)

    def __init__(self, stream, legacy, protocol):
        super().__init__(stream, protocol)
        self.legacy, self.storages, self._keys = legacy, [], {}

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        if id(value) not in self._keys:
            self._keys[id(value)] = str(len(self.storages) + (94_000 if self.legacy else 0))
            self.storages.append(value)
        key, kind = self._keys[id(value)], Name(f"torch.{value.kind}")
        return ("storage", kind, key, "cpu", len(value.array), *([None] if self.legacy else []))

    def save_name(self, value):
        place, _, name = value.name.rpartition(".")
        self.write(pickle.GLOBAL + f"{place}\n{name}\n".encode())

    def save_call(self, value):
        self.save_reduce(value.name, value.args, obj=value)

    def save_module(self, value):
        self.save_name(value.name)
        self.write(pickle.EMPTY_TUPLE + pickle.NEWOBJ)
        self.memoize(value)
        self.save(value.attributes)
        self.write(pickle.BUILD)

    dispatch[Name] = save_name
    dispatch[Call] = save_call
    dispatch[Module] = save_module


def torch_bytes(content, legacy=False, protocol=2):
    """Return the file that `torch.save` makes of a content.

    Args:
      content: with `tensor`s, `Module`s and plain values.
      legacy: whether in the format of before PyTorch 1.6.
      protocol: of the pickle.
    """
    stream = io.BytesIO()
    pickler = _Pickler(stream, legacy, protocol)
    pickler.dump(content)
    if legacy:
        return _legacy(stream.getvalue(), pickler)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        file.writestr("archive/data.pkl", stream.getvalue())
        file.writestr("archive/byteorder", "little")
        for key, storage in enumerate(pickler.storages):
            file.writestr(f"archive/data/{key}", storage.array.tobytes())
        file.writestr("archive/version", "3\n")
    return archive.getvalue()


def _legacy(content, pickler):
    system = {
        "protocol_version": 1001,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    keys = [pickler._keys[id(storage)] for storage in pickler.storages]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    head = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, system)]
    parts = [*head, content, pickle.dumps([keys[i] for i in order], 2)]
    for i in order:
        array = pickler.storages[i].array
        parts += [struct.pack("<q", len(array)), array.tobytes()]
    return b"".join(parts)
