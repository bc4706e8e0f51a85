"""A reader of pickles that imports nothing and calls nothing which a file names.

A pickle is a program for a small stack machine, and Python's own machine imports and calls whatever
the program asks for. The machine here knows only the functions that its caller lists. An object of
any other class becomes a `Record` of its attributes; a call of anything else is refused by name.

Work and memory are bounded by the size of the file: a pickle may have `MOST_STEPS` steps, and what
it copies inside the machine may not have more than `MOST_COPIED` items.
"""

import codecs
import dataclasses
import os
import pickletools
import struct
from collections.abc import Callable, Mapping
from typing import BinaryIO

from tfwave.errors import UserError

MOST_STEPS = 5_000_000
MOST_COPIED = 50_000_000

# What Python 2 called these modules.
_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}
_SCALARS = (str, bytes, bool, int, float, type(None))
# What a damaged file makes of the steps below.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
    struct.error,
)


class Record:
    """An object of a class that was not imported: the name of the class and the attributes.

    Attributes:
      kind: full name, for example "torch.nn.modules.conv.Conv1d".
      attributes: {name: value}, the object's `__dict__`; a state of another form is under "state".
    """

    def __init__(self, kind: str):
        self.kind = kind
        self.attributes = {}


class Global:
    """A function or class that the file refers to.

    Attributes:
      name: full name.
      function: what is called in its place; None for a class that stays unknown.
    """

    def __init__(self, name: str, function: Callable | None):
        self.name, self.function = name, function


@dataclasses.dataclass(frozen=True)
class Allowed:
    """What a pickle may name.

    Attributes:
      functions: {full name: function of ours that is called in its place}.
      constants: {full name: what stands for it}, of names that are not called.
      states: {type: function of an object and the state that the pickle gives it}.
    """

    functions: Mapping[str, Callable] = dataclasses.field(default_factory=dict)
    constants: Mapping[str, object] = dataclasses.field(default_factory=dict)
    states: Mapping[type, Callable] = dataclasses.field(default_factory=dict)


def load(
    stream: "BinaryIO | BoundedReader",
    allowed: Allowed | None = None,
    persistent: Callable[[tuple], object] | None = None,
) -> object:
    """Read one pickle.

    Args:
      stream: binary file at the start of the pickle, left after its end; see `BoundedReader`.
      allowed: what it may name besides classes; None for nothing.
      persistent: turns a persistent id into an object; None where there are no such ids.

    Returns:
      What was pickled; objects of classes that are not imported as `Record`.

    Raises:
      UserError: the pickle wants something that is not allowed, or is damaged.
    """
    try:
        return _Machine(allowed or Allowed(), persistent).run(stream)
    except UserError:
        raise
    except _DAMAGE as error:
        reason = str(error)[:200] or type(error).__name__
        raise UserError(f"cut short or damaged ({reason})") from None


class BoundedReader:
    """A binary file that reserves no memory for bytes which it does not have.

    Args:
      file: opened file that can seek.

    Attributes:
      size: bytes of the whole file.
    """

    def __init__(self, file: BinaryIO):
        self._file = file
        position = file.tell()
        self.size = file.seek(0, os.SEEK_END)
        file.seek(position)
        self.tell, self.seek, self.readline = file.tell, file.seek, file.readline

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes, or those that are left."""
        return self._file.read(min(count, max(self.size - self._file.tell(), 0)))


# Operations of the pickle format by their codes, those whose argument is what they put on the
# stack, those that put something new there, and those that mean nothing here.
_OPERATIONS = {op.code.encode("latin-1"): op for op in pickletools.opcodes}
_VALUES = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING "
    "BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE BINUNICODE SHORT_BINUNICODE "
    "BINUNICODE8".split()
)
_NEW = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
_IGNORED = ("PROTO", "FRAME")


class _Machine:
    """The stack machine; each method in capitals is an operation of the pickle format."""

    def __init__(self, allowed, persistent):
        self._allowed, self._persistent = allowed, persistent
        self._stack, self._marked = [], []
        self._memo = {}
        self._copied = 0
        self._mentioned = {}  # classes of which no object has been made

    def run(self, stream):
        for _ in range(MOST_STEPS):
            code = stream.read(1)
            if not code:
                raise EOFError("it ends inside a pickle")
            if code not in _OPERATIONS:
                raise ValueError(f"{code!r} is no operation of a pickle")
            name, argument = _OPERATIONS[code].name, None
            if name == "STOP":
                return self._result()
            if name == "STRING":
                argument = _read_string(stream)
            elif _OPERATIONS[code].arg is not None:
                argument = _OPERATIONS[code].arg.reader(stream)
            if name in _VALUES:
                self._stack.append(argument)
            elif name in _NEW:
                self._stack.append(_NEW[name]())
            elif hasattr(self, name):
                getattr(self, name)(argument)
            elif name not in _IGNORED:
                raise UserError(f"refused: operation {name} of its pickle is not allowed")
        raise UserError(f"refused: its pickle has more than {MOST_STEPS} steps")

    def _result(self):
        for name in self._mentioned:
            raise UserError(f"refused: the file names {name}, which is no tensor or container")
        return self._stack.pop()

    # The stack and the memo.

    def MARK(self, _):
        self._marked.append(self._stack)
        self._stack = []

    def POP_MARK(self, _):
        items, self._stack = self._stack, self._marked.pop()
        return items

    def POP(self, _):
        if self._stack:
            self._stack.pop()
        else:
            self.POP_MARK(None)

    def DUP(self, _):
        self._stack.append(self._stack[-1])

    def GET(self, place):
        self._stack.append(self._memo[place])

    def PUT(self, place):
        self._memo[place] = self._stack[-1]

    BINGET = LONG_BINGET = GET
    BINPUT = LONG_BINPUT = PUT

    def MEMOIZE(self, _):
        self.PUT(len(self._memo))

    # Containers.

    def TUPLE(self, _):
        items = self.POP_MARK(None)
        self._stack.append(tuple(items))

    def _tuple(self, size):
        if len(self._stack) < size:
            raise IndexError("a tuple has too few items")
        self._stack[-size:] = [tuple(self._stack[-size:])]

    def TUPLE1(self, _):
        self._tuple(1)

    def TUPLE2(self, _):
        self._tuple(2)

    def TUPLE3(self, _):
        self._tuple(3)

    def LIST(self, _):
        items = self.POP_MARK(None)
        self._stack.append(items)

    def APPENDS(self, _):
        items = self.POP_MARK(None)
        self._top(list).extend(items)

    def APPEND(self, _):
        item = self._stack.pop()
        self._top(list).append(item)

    def DICT(self, _):
        items = self.POP_MARK(None)
        self._stack.append({})
        self._set_items(items)

    def SETITEMS(self, _):
        items = self.POP_MARK(None)
        self._set_items(items)

    def SETITEM(self, _):
        value, key = self._stack.pop(), self._stack.pop()
        self._set_items([key, value])

    def _set_items(self, items):
        pairs = zip(items[::2], items[1::2], strict=True)
        self._top(dict).update((hashable(key), value) for key, value in pairs)

    def ADDITEMS(self, _):
        items = self.POP_MARK(None)
        self._top(set).update(map(hashable, items))

    def FROZENSET(self, _):
        items = self.POP_MARK(None)
        self._stack.append(frozenset(map(hashable, items)))

    def _top(self, kind):
        if type(self._stack[-1]) is not kind:
            raise TypeError(f"items are added to what is no {kind.__name__}")
        return self._stack[-1]

    # Names, calls and objects.

    def GLOBAL(self, names):
        module, name = names.split(" ", 1)
        name = f"{_RENAMED.get(module, module)}.{name}"[:200]
        if name in self._allowed.constants:
            self._stack.append(self._allowed.constants[name])
            return
        function = self._allowed.functions.get(name)
        if function is None:
            self._mentioned[name] = True
        self._stack.append(Global(name, function))

    def STACK_GLOBAL(self, _):
        name, module = self._stack.pop(), self._stack.pop()
        self.GLOBAL(" ".join((module, name)))

    def REDUCE(self, _):
        args, called = self._stack.pop(), self._stack.pop()
        self._stack.append(self._call(called, args))

    def _call(self, called, args):
        if not isinstance(called, Global) or type(args) is not tuple:
            raise TypeError("what is called is no function")
        if called.function is None:
            raise UserError(f"refused: the file wants to call {called.name}")
        self._count(*args)
        return called.function(*args)

    def _count(self, *copied):
        self._copied += sum(len(each) for each in copied if hasattr(each, "__len__"))
        if self._copied > MOST_COPIED:
            raise UserError("refused: its pickle copies too much")

    def NEWOBJ(self, _):
        args, made = self._stack.pop(), self._stack.pop()
        if isinstance(made, Global) and made.function is None and args == ():
            self._mentioned.pop(made.name, None)
            self._stack.append(Record(made.name))
        else:
            self._stack.append(self._call(made, args))

    def NEWOBJ_EX(self, _):
        if self._stack.pop():
            raise TypeError("an object is made with named arguments")
        self.NEWOBJ(None)

    def BUILD(self, _):
        state = self._stack.pop()
        made = self._stack[-1]
        if isinstance(made, Record):
            _set_attributes(made, state)
        elif type(made) in self._allowed.states:
            self._count(*state)
            self._allowed.states[type(made)](made, state)
        elif type(made) is not dict:  # an ordered dict may have attributes, which are left out
            raise TypeError("a state is given to what has none")

    def BINPERSID(self, _):
        if self._persistent is None:
            raise TypeError("it refers to what is outside of it")
        self._stack.append(self._persistent(self._stack.pop()))


def hashable(key):
    """Return a key whose hash needs neither a function of its own nor many levels."""
    if not all(isinstance(part, _SCALARS) for part in (key if type(key) is tuple else (key,))):
        raise TypeError(f"a key is a {type(key).__name__}")
    return key


def _set_attributes(record, state):
    """Give a record its attributes: a dict, or a dict and that of the slots."""
    states = state if type(state) is tuple and len(state) == 2 else (state,)
    if all(part is None or type(part) is dict for part in states):
        for part in states:
            record.attributes.update(part or {})
    else:
        record.attributes["state"] = state


def _read_string(stream):
    """The argument of STRING, by which Python 2 wrote bytes: a str of one character for each."""
    line = stream.readline()
    text = line.rstrip(b"\n")
    if not line.endswith(b"\n") or len(text) < 2 or text[0] != text[-1] or text[0] not in b"'\"":
        raise ValueError("a text has no end")
    return codecs.escape_decode(text[1:-1])[0].decode("latin-1")
