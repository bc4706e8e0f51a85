"""Files of torch.save, written here by their bytes, are read without PyTorch or refused."""

import collections
import contextlib
import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import torch_writer
from tests.torch_writer import Call, Module, Name, Storage, tensor, torch_bytes, view
from tfwave.errors import UserError
from tfwave.restricted_pickle import Record
from tfwave.torch_files import read_module_class, read_state_dict, read_torch_file

NUMBERS = np.random.default_rng(0).normal(size=24).astype(np.float32)
TYPES = "float16 float32 float64 uint8 int8 int16 int32 int64 bool complex64".split()
STATE = {
    "convs.0.weight": NUMBERS[:12].reshape(2, 3, 2),
    "convs.0.bias": NUMBERS[12:14],
    "scale": NUMBERS[:1],
}

formats = pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])


@pytest.fixture
def write(tmp_path):
    """A function that writes a content or bytes to a file and returns its path."""

    def write(content, legacy=False, name="weights.pt", **options):
        path = tmp_path / name
        is_bytes = isinstance(content, bytes)
        path.write_bytes(content if is_bytes else torch_bytes(content, legacy, **options))
        return path

    return write


def refuses(path, message, read=read_torch_file):
    """The file is refused, in one sentence that names it and matches a pattern."""
    with pytest.raises(UserError, match=message) as error:
        read(path)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


# What is read.


@formats
def test_tensors_of_every_type_come_back(write, legacy):
    arrays = {kind: np.arange(4).astype(kind) for kind in TYPES}
    content = {kind: tensor(array) for kind, array in arrays.items()}
    content["bfloat16"] = torch_writer.bfloat16(NUMBERS)
    read = read_torch_file(write(content, legacy))
    for kind, array in arrays.items():
        np.testing.assert_array_equal(read[kind], array, strict=True)
    halved = (NUMBERS.view(np.uint32) >> 16 << 16).view(np.float32)
    np.testing.assert_array_equal(read["bfloat16"], halved, strict=True)


@formats
def test_views_share_their_storage(write, legacy):
    shared = Storage(NUMBERS)
    content = {
        "whole": view(shared, 0, (2, 3, 4), (12, 4, 1)),
        "transposed": view(shared, 0, (4, 6), (1, 4)),
        "every_other": view(shared, 3, (5,), (2,)),
        "repeated": view(shared, 7, (3, 2), (0, 1)),
        "scalar": view(shared, 5, (), ()),
        "empty": view(shared, 0, (0, 3), (3, 1)),
    }
    read = read_torch_file(write(content, legacy))
    expected = {
        "whole": NUMBERS.reshape(2, 3, 4),
        "transposed": NUMBERS.reshape(6, 4).T,
        "every_other": NUMBERS[3:12:2],
        "repeated": np.stack([NUMBERS[7:9]] * 3),
        "scalar": NUMBERS[5],
        "empty": np.zeros((0, 3), np.float32),
    }
    for name, array in expected.items():
        np.testing.assert_array_equal(read[name], array)
        assert not read[name].flags.writeable
    assert np.shares_memory(read["whole"], read["transposed"])


@formats
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_come_back(write, legacy, protocol):
    content = {
        "numbers": [1, -(2**70), 2.5, True, None],
        "texts": ("ä", b"\xff\x00"),
        "sets": {1, 2},
        "ordered": collections.OrderedDict(b=1, a=[2]),
        "counts": collections.defaultdict(list, {3: 4}),
        "numpy": np.float64(2.5),
        "array": np.arange(6, dtype=">i2").reshape(2, 3),
        4: "four",
    }
    content["itself"] = content["numbers"]
    read = read_torch_file(write(content, legacy, protocol=protocol))
    assert list(read) == list(content)
    np.testing.assert_array_equal(read.pop("array"), content.pop("array"))
    assert read == content and type(read["numpy"]) is np.float64
    assert read["itself"] is read["numbers"]


@formats
def test_a_checkpoint_is_read_without_what_stands_beside_the_module(write, legacy):
    state = {name: tensor(array) for name, array in STATE.items()}
    moments = view(Storage(NUMBERS), 0, (24,), (1,))
    for content in (
        state,
        {"state_dict": state, "optimizer": {"moments": moments}, "step": 3},
        {"model": {"state_dict": state}},
        {"state_dict": {f"module.{name}": array for name, array in state.items()}},
    ):
        read = read_state_dict(write(content, legacy))
        assert list(read) == list(STATE)
        for name, array in STATE.items():
            np.testing.assert_array_equal(read[name], array)
    refuses(
        write({"net": state}), "no tensors of a module, a dict of net; .*model or", read_state_dict
    )
    assert list(read_state_dict(write({"net": state}), ("net",))) == list(STATE)
    refuses(write([1]), "no tensors of a module, but a list", read_state_dict)


@formats
def test_a_whole_module_is_read_as_its_state_dict(write, legacy):
    whole = torch_writer.module(
        "glow.WaveGlow",
        STATE,
        n_group=8,
        _backend=Call("torch.nn.backends.thnn._get_thnn_function_backend"),
        _forward_pre_hooks=collections.OrderedDict({0: Module("hooks.WeightNorm", name="weight")}),
        size=Call("torch.Size", (1, 2)),
    )
    whole.attributes["_buffers"]["mean"] = tensor(NUMBERS[:2])
    whole.attributes["_buffers"]["window"] = tensor(NUMBERS[:2])
    whole.attributes["_buffers"]["nothing"] = None
    whole.attributes["_non_persistent_buffers_set"] = {"window"}
    whole.attributes["weight"] = tensor(NUMBERS)  # what weight normalisation leaves behind
    path = write({"model": whole, "iteration": 3}, legacy)
    read = read_state_dict(path)
    assert sorted(read) == sorted([*STATE, "mean"])
    for name, array in STATE.items():
        np.testing.assert_array_equal(read[name], array)
    assert read_module_class(path) == "glow.WaveGlow"
    record = read_torch_file(path)["model"]
    assert isinstance(record, Record) and record.attributes["n_group"] == 8
    assert record.attributes["size"] == (1, 2)
    assert read_module_class(write({"model": {"a": tensor(NUMBERS)}})) is None


def test_numbers_of_the_other_byte_order_are_turned_round(write):
    content = torch_bytes({"a": tensor(NUMBERS.byteswap())})
    swapped = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(swapped, "w") as new:
        for name in old.namelist():
            new.writestr(name, "big" if name.endswith("byteorder") else old.read(name))
    read = read_torch_file(write(swapped.getvalue()))
    np.testing.assert_array_equal(read["a"], NUMBERS, strict=True)


def test_what_pytorch_writes_is_read(tmp_path):
    torch = pytest.importorskip("torch")
    module = torch.nn.utils.weight_norm(torch.nn.Conv1d(2, 3, 5))
    path = tmp_path / "module.pt"
    for zipped in (True, False):
        torch.save({"model": module}, path, _use_new_zipfile_serialization=zipped)
        read = read_state_dict(path)
        for name, value in module.state_dict().items():
            np.testing.assert_array_equal(read[name], value.numpy(), strict=True)
    path.write_bytes(torch_bytes({"a": tensor(NUMBERS)}))
    np.testing.assert_array_equal(torch.load(path)["a"].numpy(), NUMBERS)


# What is refused.

MALICIOUS = {
    "call": (Call("os.system", "touch hacked"), "wants to call os.system"),
    "old_name": (Call("__builtin__.eval", "1"), "wants to call builtins.eval"),
    "inside": ({"model": [{"a": (Call("posix.system", "ls"),)}]}, "wants to call posix.system"),
    "attribute": (Module("glow.WaveGlow", a=Call("os.system", "ls")), "wants to call os.system"),
    "argument": (
        view(Storage(NUMBERS), Call("builtins.exec", "1"), (1,), (1,)),
        "wants to call builtins.exec",
    ),
    "nested_name": (Call("builtins.getattr", Name("os.path"), "x"), "to call builtins.getattr"),
    "mentioned": ({"a": tensor(NUMBERS), "b": Name("os.system")}, "names os.system"),
    "factory": (Call("collections.defaultdict", Name("os.getpid")), "names os.getpid"),
    "type": (
        Call("torch._tensor._rebuild_from_type_v2", Name("os.system"), Name("a.B"), (), None),
        "made by another function",
    ),
    "loader": (Call("torch.storage._load_from_bytes", b""), "call torch.storage._load_from_bytes"),
}


@formats
@pytest.mark.parametrize("name", MALICIOUS)
def test_nothing_is_called_but_named(write, tmp_path, monkeypatch, name, legacy):
    monkeypatch.chdir(tmp_path)
    content, message = MALICIOUS[name]
    refuses(write(content, legacy), message)
    refuses(write(content, legacy), message, read_state_dict)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.pt"]


def spliced(operations):
    """The archive of a pickle that is given by its operations."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("archive/data.pkl", operations)
    return archive.getvalue()


@pytest.mark.parametrize(
    "operations, message",
    [
        (b"(S'ls'\nios\nsystem\n.", "operation INST .*not allowed"),
        (b"(cos\nsystem\nS'ls'\no.", "operation OBJ .*not allowed"),
        (b"\x80\x02cos\nsystem\nU\x02ls\x85\x81.", "wants to call os.system"),
        (b"\x80\x02\x82\x01.", "operation EXT1 .*not allowed"),
        (b"ccollections\nOrderedDict\n}U\x08__code__K\x01sb.", "state is given to what has none"),
        (b"\x80\x02}(}K\x01u.", "a key is a dict"),
        (b"\x80\x02]K\x01Q.", "cut short or damaged"),
        (b"\x80\x02r\xff\xff\xff\xff.", "cut short or damaged"),
        (b"\x80\x02]r\xff\xff\xff\x7f.", None),
        (b"\x80\x02\x8b\xff\xff\xff\x7f1.", "cut short or damaged"),
        (b"X\xff\xff\xff\xffabc.", "cut short or damaged"),
        (b"\x80\x02.", "cut short or damaged"),
        (b"\x80\x63.", None),
        (b"\x00", "is no operation of a pickle"),
        (b"cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R.", "which is none of numbers"),
        (b"(" * 200_000, "ends inside a pickle"),
    ],
)
def test_pickles_of_other_kinds_are_refused_or_harmless(write, operations, message):
    path = write(spliced(operations))
    if message:
        refuses(path, message)
        return
    with contextlib.suppress(UserError):
        read_torch_file(path)


def test_a_content_that_is_nested_without_end_is_refused(write):
    deep = b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."
    refuses(write(spliced(deep)), "nested too deeply")
    own = torch_writer.module("a.B", {"w": NUMBERS})
    own.attributes["_modules"]["self"] = own
    refuses(write(own), "modules are nested too deeply", read_state_dict)
    one = torch_writer.module("a.B", {})
    for _ in range(40):
        one = Module("a.B", _modules={"left": one, "right": one})
    refuses(write(one), "more than 100000 modules", read_state_dict)
    # A list that is copied again and again.
    copies = b"q\x00" + b"cbuiltins\nlist\nh\x00R" * 2000
    refuses(
        write(spliced(b"\x80\x02](" + b"N" * 50_000 + b"e\x85" + copies + b".")), "copies too much"
    )


@pytest.mark.parametrize(
    "offset, shape, strides, message",
    [
        (0, (25,), (1,), "goes beyond its storage"),
        (20, (5,), (1,), "goes beyond its storage"),
        (0, (2, 13), (12, 1), "goes beyond its storage"),
        (0, (1 << 40,), (0,), "goes beyond its storage"),
        (0, (0, 1 << 40), (1, 1), "goes beyond its storage"),
        (-1, (2,), (1,), "whole numbers from 0"),
        (0, (2,), (-1,), "whole numbers from 0"),
        (0, (2,), (1, 1), "as many strides"),
        (0, (1,) * 40, (1,) * 40, "as many strides"),
        (0.0, (2,), (1,), "whole numbers"),
    ],
)
@formats
def test_tensors_that_leave_their_storage_are_refused(
    write, legacy, offset, shape, strides, message
):
    refuses(write({"a": view(Storage(NUMBERS), offset, shape, strides)}, legacy), message)


@formats
def test_a_storage_that_claims_too_much_is_refused(write, legacy):
    class Claim:
        """An array that says it is longer than it is."""

        def __len__(self):
            return 1 << 40

        def tobytes(self):
            return bytes(8)

    storage = Storage(NUMBERS)
    storage.array = Claim()
    message = "goes beyond its end" if legacy else "has 8 bytes of 4398046511104"
    refuses(write({"a": view(storage, 0, (1 << 39,), (1,))}, legacy), message)


@formats
def test_every_truncation_is_refused(write, legacy):
    content = torch_bytes({"model": {"a": tensor(NUMBERS), "b": [tensor(NUMBERS[:3])]}}, legacy)
    for end in range(0, len(content), 7):
        refuses(write(content[:end]), "cut short|damaged|neither a zip|goes beyond")


def test_other_files_are_refused(write, tmp_path):
    refuses(write(b""), "neither a zip archive nor a legacy file")
    refuses(write(b"version https://git-lfs.github.com/spec/v1\n"), "a pointer that was left")
    refuses(write(pickle.dumps({"a": 1}, 2)), "neither a zip archive nor a legacy file")
    other = io.BytesIO()
    np.savez(other, a=NUMBERS)
    refuses(write(other.getvalue()), "not one of torch.save: it has no data.pkl")
    for name, options, message in (
        ("constants.pkl", {}, "TorchScript archive"),
        ("data/0", {"compress_type": zipfile.ZIP_DEFLATED}, "compressed"),
    ):
        archive = io.BytesIO(spliced(b"N."))
        with zipfile.ZipFile(archive, "a") as file:
            file.writestr(f"archive/{name}", b"\0" * 1000, **options)
        refuses(write(archive.getvalue()), message)
    with pytest.raises(FileNotFoundError):
        read_torch_file(tmp_path / "none.pt")
    whole = torch_bytes({"a": tensor(NUMBERS)})
    refuses(write(whole.replace(b"data/0", b"data/9")), "has no archive/data/0")
    refuses(write(whole.replace(NUMBERS[:2].tobytes(), bytes(8))), "damaged .*CRC")


def same(a, b):
    """Whether two contents are equal, arrays and all."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, Record):
        return isinstance(b, Record) and a.kind == b.kind and same(a.attributes, b.attributes)
    if isinstance(a, dict):
        return type(b) is dict and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


CONTENT = {
    "model": torch_writer.module("glow.WaveGlow", STATE, sizes=(1, 2)),
    "optimizer": {"state": {0: {"m": view(Storage(NUMBERS), 2, (2, 5), (5, 1))}}, "lr": 1e-4},
    "best": np.float64(0.5),
}
FILES = {legacy: torch_bytes(CONTENT, legacy) for legacy in (False, True)}
mutations = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255), st.integers(0, 2)),
    min_size=1,
    max_size=3,
)


@formats
@settings(max_examples=200)
@given(mutations=mutations)
def test_damaged_files_are_refused_or_read_as_before(tmp_path_factory, legacy, mutations):
    path = tmp_path_factory.getbasetemp() / f"mutated_{legacy}.pt"
    path.write_bytes(FILES[legacy])
    intact = read_torch_file(path)
    changed = bytearray(FILES[legacy])
    for place, value, kind in mutations:
        place = int(place * len(changed))
        changed[place : place + (kind > 0)] = b"" if kind == 2 else bytes([value])
    path.write_bytes(changed)
    try:
        read = read_torch_file(path)
    except UserError as error:
        assert str(error).startswith(str(path))
        return
    # The legacy format has no checksums: other numbers and names pass for what was saved.
    assert legacy or same(read, intact)
