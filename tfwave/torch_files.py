"""Readers of what `torch.save` writes, without PyTorch: tensors come out as NumPy arrays.

Both formats are read: the zip archive of PyTorch 1.6 and later, and the chain of pickles of before
("legacy"). A file may hold a state dict, a checkpoint with one inside, or a whole pickled module,
whose class is neither imported nor needed. Nothing that a file names is called; see
`restricted_pickle`.

Source of the formats: torch/serialization.py and torch/_utils.py.
"""

import contextlib
import io
import os
import struct
import zipfile
from typing import Any

import numpy as np

from tfwave import restricted_pickle, torch_tensors
from tfwave.errors import UserError
from tfwave.restricted_pickle import BoundedReader, Record
from tfwave.torch_tensors import Tensor

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION = 1001
_BYTE_ORDERS = {b"little": "<", b"big": ">"}
_MOST_MODULES = 100_000
_LONGEST_NAME = 1000


def read_torch_file(path: str | os.PathLike) -> object:
    """Read what `torch.save` wrote.

    Args:
      path: of the file.

    Returns:
      Its content: tensors and parameters as read-only NumPy arrays (bfloat16 as float32, in which
      it is exact), ordered dicts as dicts, objects of other classes as
      `restricted_pickle.Record`.

    Raises:
      UserError: it is damaged, is of another kind, or wants something else; names the file.
      OSError: it cannot be read.
    """
    with _opened(path) as file:
        return _Arrays(file).of(file.content)


def read_state_dict(
    path: str | os.PathLike, entries: tuple[str, ...] = ("model", "state_dict")
) -> dict[str, np.ndarray]:
    """Read the parameters and buffers of a module.

    Args:
      path: of a file with a state dict, with a whole module, or with a dict that has either as an
        entry.
      entries: names that this entry may have. The tensors of other entries are not read.

    Returns:
      {name in the state dict: read-only array}, without the "module." of a parallel module.

    Raises:
      UserError: see `read_torch_file`; or the file has no state dict or module.
      OSError: it cannot be read.
    """
    with _opened(path) as file:
        content = _module_of(file.content, entries)
        tensors = _state_dict(content) if isinstance(content, Record) else _named(content, Tensor)
        if not tensors:
            raise UserError(
                f"holds no tensors of a module, {_described(file.content)}; they may be the whole "
                f"content or the entry {' or '.join(entries)}"
            )
        if all(name.startswith("module.") for name in tensors):
            tensors = {name.removeprefix("module."): tensors[name] for name in tensors}
        return _Arrays(file).of(tensors)


def read_module_class(
    path: str | os.PathLike, entries: tuple[str, ...] = ("model", "state_dict")
) -> str | None:
    """Read the class of a whole module, such as "glow.WaveGlow"; None for a state dict.

    Args:
      path, entries: see `read_state_dict`.

    Raises:
      UserError, OSError: see `read_torch_file`.
    """
    with _opened(path) as file:
        content = _module_of(file.content, entries)
        return content.kind if isinstance(content, Record) else None


@contextlib.contextmanager
def _opened(path):
    """Open a torch file; errors inside name it."""
    path = os.fspath(path)
    with open(path, "rb") as file:
        try:
            start = file.read(4)
            file.seek(0)
            yield _ZipFile(file) if start == b"PK\3\4" else _LegacyFile(file)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        except RecursionError:
            raise UserError(f"{path}: its content is nested too deeply") from None


class _ZipFile:
    """The archive of PyTorch 1.6 and later: NAME/data.pkl, and NAME/data/KEY for each storage.

    Attributes:
      content: what was saved, with `Tensor`s in it.
      byte_order: of the numbers, "<" or ">".
    """

    def __init__(self, file):
        with _zip_errors():
            self._zip = zipfile.ZipFile(file)
        entries = self._zip.infolist()
        stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
        if not stored or sum(e.file_size for e in entries) > BoundedReader(file).size:
            raise UserError("its parts are compressed or overlap, as torch.save leaves none")
        names = [entry.filename for entry in entries if entry.filename.endswith("/data.pkl")]
        if len(names) != 1:
            raise UserError("a zip archive, but not one of torch.save: it has no data.pkl")
        self._folder = names[0].removesuffix("data.pkl")
        if self._has("constants.pkl"):
            raise UserError("a TorchScript archive; save the state dict of its module instead")
        order = self._read("byteorder") if self._has("byteorder") else b"little"
        if order not in _BYTE_ORDERS:
            raise UserError(f"damaged: its byte order is {order[:20]!r}")
        self.byte_order = _BYTE_ORDERS[order]
        self.content = torch_tensors.load(io.BytesIO(self._read("data.pkl")))

    def storage(self, key: str) -> bytes:
        """Read the numbers of a storage; zipfile compares their checksum."""
        if not self._has(f"data/{key}"):
            raise UserError(f"damaged: it has no {self._folder}data/{key}")
        return self._read(f"data/{key}")

    def _has(self, name):
        return self._folder + name in self._zip.NameToInfo

    def _read(self, name):
        with _zip_errors():
            return self._zip.read(self._folder + name)


@contextlib.contextmanager
def _zip_errors():
    """Turn what zipfile makes of a damaged archive, such as a seek before its start, into words."""
    try:
        yield
    except (
        EOFError,
        NotImplementedError,
        OSError,
        RuntimeError,
        ValueError,
        struct.error,
        zipfile.BadZipFile,
    ) as error:
        raise UserError(f"cut short or damaged ({error})") from None


class _LegacyFile:
    """The chain of before PyTorch 1.6.

    Pickles of a magic number, a version, a description of the machine, the content, and the keys of
    the storages; then for each storage its length in elements, int64, and its numbers.

    Attributes:
      content: what was saved, with `Tensor`s in it.
      byte_order: of the numbers, always "<".
    """

    byte_order = "<"

    def __init__(self, file):
        self._reader = reader = BoundedReader(file)
        if self._magic_number() != _MAGIC_NUMBER:
            raise UserError(
                "neither a zip archive nor a legacy file of torch.save; a copy that is cut short, "
                "or a pointer that was left in its place?"
            )
        if restricted_pickle.load(reader) != _PROTOCOL_VERSION:
            raise UserError("its version of torch.save's legacy format is unknown")
        restricted_pickle.load(reader)  # the machine
        item_sizes = {}
        self.content = torch_tensors.load(reader, item_sizes)
        keys = restricted_pickle.load(reader)
        if type(keys) is not list or sorted(map(str, keys)) != sorted(item_sizes):
            raise UserError("damaged: its storages are not those that its tensors name")
        self._places = {}
        for key in map(str, keys):
            count = int.from_bytes(reader.read(8), "little", signed=True)
            start, size = reader.tell(), count * item_sizes[key]
            if not 0 <= size <= reader.size - start:
                raise UserError(f"cut short or damaged: storage {key} goes beyond its end")
            self._places[key] = start, size
            reader.seek(start + size)

    def _magic_number(self):
        try:
            return restricted_pickle.load(self._reader)
        except UserError:
            return None

    def storage(self, key: str) -> bytes:
        """Read the numbers of a storage."""
        start, size = self._places[key]
        self._reader.seek(start)
        return self._reader.read(size)


class _Arrays:
    """Puts arrays in the place of the tensors of a content; each storage and object is one still.

    Args:
      file: _ZipFile or _LegacyFile.
    """

    def __init__(self, file):
        self._file = file
        self._storages = {}
        self._results = {}

    def of(self, value) -> Any:
        """Return a value with arrays in place of tensors, at any depth."""
        if id(value) in self._results:
            return self._results[id(value)]
        if isinstance(value, Tensor):
            result = self._results[id(value)] = self._array(value)
        elif type(value) is dict:
            result = self._results[id(value)] = {}
            for name, item in value.items():
                result[name] = self.of(item)
        elif type(value) is list:
            result = self._results[id(value)] = []
            for item in value:
                result.append(self.of(item))
        elif type(value) is tuple:
            result = self._results[id(value)] = tuple(self.of(item) for item in value)
        elif isinstance(value, Record):
            result = self._results[id(value)] = Record(value.kind)
            result.attributes.update(self.of(value.attributes))
        else:
            result = value
        return result

    def _array(self, tensor):
        key = tensor.storage.key
        if key not in self._storages:
            self._storages[key] = self._file.storage(key)
        return tensor.array(self._storages[key], self._file.byte_order)


def _module_of(content, entries):
    """The content, or the entry of it that is a module or state dict."""
    if type(content) is dict:
        for entry in entries:
            if type(content.get(entry)) in (dict, Record):
                return _module_of(content[entry], entries)
    return content


def _state_dict(module):
    """The tensors of a module's record and of the modules inside, under the names of PyTorch."""
    tensors, pending = {}, [("", module)]
    for _ in range(_MOST_MODULES):
        if not pending:
            return tensors
        prefix, module = pending.pop()
        if len(prefix) > _LONGEST_NAME:
            raise UserError("refused: its modules are nested too deeply")
        attributes = module.attributes
        hidden = attributes.get("_non_persistent_buffers_set") or ()
        for part in ("_parameters", "_buffers"):
            for name, value in _named(attributes.get(part), Tensor).items():
                if name not in hidden:
                    tensors[prefix + name] = value
        for name, value in reversed(_named(attributes.get("_modules"), Record).items()):
            pending.append((f"{prefix}{name}.", value))
    raise UserError(f"refused: it has more than {_MOST_MODULES} modules")


def _named(values, kind):
    """The values of one kind in a dict whose keys are texts; none if it is no dict."""
    if type(values) is not dict:
        return {}
    return {n: value for n, value in values.items() if type(n) is str and isinstance(value, kind)}


def _described(content):
    if type(content) is dict:
        return f"a dict of {', '.join(str(name)[:40] for name in list(content)[:6]) or 'nothing'}"
    return f"but a {content.kind if isinstance(content, Record) else type(content).__name__}"
