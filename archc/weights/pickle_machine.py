"""A pickle machine that builds plain values: it imports nothing and calls nothing foreign.

It knows the opcodes that PyTorch's picklers write (protocol 2, and 3 to 5 where asked for; see
CPython's `pickletools`). A global must be an exact (module, name) pair of the given list, which
says what stands in its place; what that builds is code of archc. Steps, bytes, stack and memo are
bounded. No value is ever walked, compared or copied, so that parts used twice cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from struct import Struct
from typing import final

from archc.diagnostics.diagnostic import Rule
from archc.weights.byte_reader import ByteReader
from archc.weights.pickle_stack import PickleStack
from archc.weights.pickle_values import BYTES, SET, Constructor, Globals, Record, plain_key
from archc.weights.refusal import CheckpointError
from archc.weights.shown import shown

REFUSED_GLOBAL = Rule(
    "weights/refused-global",
    "the checkpoint names a Python object that archc does not know",
    "A pickle can name any function of any installed package and have it called. archc knows the"
    " few names that tensors need, builds those itself, and runs nothing that a file names.",
)

_MAX_NAME = 256
_MAX_INTEGER_BYTES = 255

_NUMBERS = {b"J": Struct("<i"), b"K": Struct("<B"), b"M": Struct("<H"), b"G": Struct(">d")}
_CONSTANTS: Mapping[bytes, object] = {b"N": None, b"\x88": True, b"\x89": False, b")": ()}
# The bytes that a length, or a place in the memo, takes.
_TEXTS = {b"\x8c": 1, b"X": 4, b"\x8d": 8}
_PYTHON_2_TEXTS = {b"U": 1, b"T": 4}
_BYTES = {b"C": 1, b"B": 4, b"\x8e": 8, b"\x96": 8}
_LONGS = {b"\x8a": 1, b"\x8b": 4}
_PUTS = {b"q": 1, b"r": 4}
_GETS = {b"h": 1, b"j": 4}
_TUPLES = {b"\x85": 1, b"\x86": 2, b"\x87": 3}


@final
class PickleMachine:
    """Runs one pickle from a reader, which stands behind the pickle's end afterwards.

    Args:
        reader: where the pickle begins.
        allowed: the globals that may be named.
        persistent: gives the value of a persistent id; None where there must be none.
    """

    def __init__(
        self,
        reader: ByteReader,
        allowed: Globals,
        persistent: Callable[[PickleStack, object], object] | None = None,
    ) -> None:
        self._reader = reader
        self._allowed = allowed
        self._persistent = persistent
        self._stack = PickleStack(reader)
        self._handlers = self._structure() | self._plain_values()

    def run(self) -> object:
        """The value of the pickle.

        Raises:
            CheckpointError: it names a global that is not allowed, goes beyond a bound, is
                malformed or ends too early.
        """
        take, handlers, charge = self._reader.take, self._handlers, self._stack.charge
        while (opcode := take(1)) != b".":
            charge(1)
            handler = handlers.get(opcode)
            if handler is None:
                name = shown(opcode.decode("latin-1"))
                self._stack.fail(f"has a step `{name}` that archc does not know")
            handler()
        return self._stack.only()

    def _structure(self) -> dict[bytes, Callable[[], object]]:
        stack = self._stack
        return {
            b"\x80": self._protocol,
            b"\x95": partial(self._reader.take, 8),
            b"c": self._global,
            b"\x93": self._stack_global,
            b"R": self._reduce,
            b"\x81": self._reduce,
            b"b": self._build,
            b"Q": self._persistent_id,
            b"(": stack.mark,
            b"0": stack.pop,
            b"1": stack.pop_mark,
            b"t": lambda: stack.push(tuple(stack.pop_mark())),
            b"}": lambda: stack.push({}),
            b"]": lambda: stack.push([]),
            b"\x8f": partial(stack.push, SET),
            b"\x90": self._add_items,
            b"\x91": self._frozen_set,
            b"a": lambda: self._extend([stack.pop()]),
            b"e": lambda: self._extend(stack.pop_mark()),
            b"s": self._set_item,
            b"u": lambda: self._set(stack.pop_mark()),
            b"\x94": stack.remember,
        }

    def _plain_values(self) -> dict[bytes, Callable[[], object]]:
        handlers: dict[bytes, Callable[[], object]] = {}
        handlers |= {code: partial(self._stack.push, value) for code, value in _CONSTANTS.items()}
        handlers |= {code: partial(self._number, kind) for code, kind in _NUMBERS.items()}
        handlers |= {code: partial(self._long, width) for code, width in _LONGS.items()}
        handlers |= {code: partial(self._text, width) for code, width in _TEXTS.items()}
        handlers |= {
            code: partial(self._old_text, width) for code, width in _PYTHON_2_TEXTS.items()
        }
        handlers |= {code: partial(self._skip_bytes, width) for code, width in _BYTES.items()}
        handlers |= {code: partial(self._put, width) for code, width in _PUTS.items()}
        handlers |= {code: partial(self._get, width) for code, width in _GETS.items()}
        handlers |= {code: partial(self._tuple, count) for code, count in _TUPLES.items()}
        return handlers

    def _protocol(self) -> None:
        version = self._reader.take(1)[0]
        if version > 5:
            self._stack.fail(f"is of protocol {version}, which is not known")

    def _size(self, width: int) -> int:
        return int.from_bytes(self._reader.take(width), "little")

    def _number(self, kind: Struct) -> None:
        (value,) = kind.unpack(self._reader.take(kind.size))
        self._stack.push(value)

    def _long(self, width: int) -> None:
        size = self._size(width)
        if size > _MAX_INTEGER_BYTES:
            self._stack.exceed(f"has an integer of {size} bytes, more than {_MAX_INTEGER_BYTES}")
        self._stack.push(int.from_bytes(self._reader.take(size), "little", signed=True))

    def _text(self, width: int) -> None:
        data = self._reader.take(self._size(width))
        try:
            text = data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            self._stack.fail("has a text that is not UTF-8")
        self._stack.push(text)

    def _old_text(self, width: int) -> None:
        # Python 2 wrote names, and bytes of any content, as these.
        data = self._reader.take(self._size(width))
        self._stack.push(data.decode("utf-8", "surrogateescape"))

    def _skip_bytes(self, width: int) -> None:
        self._reader.take(self._size(width))
        self._stack.push(BYTES)

    def _put(self, width: int) -> None:
        self._stack.remember(self._size(width))

    def _get(self, width: int) -> None:
        self._stack.recall(self._size(width))

    def _tuple(self, count: int) -> None:
        items = [self._stack.pop() for _ in range(count)]
        self._stack.push(tuple(reversed(items)))

    def _extend(self, items: list[object]) -> None:
        target = self._stack.top()
        if type(target) is not list:
            self._stack.fail("appends to something that is no list")
        target.extend(items)

    def _set_item(self) -> None:
        value = self._stack.pop()
        self._set([self._stack.pop(), value])

    def _set(self, items: list[object]) -> None:
        target = self._stack.top()
        if type(target) is not dict:
            self._stack.fail("sets an item of something that is no dictionary")
        if len(items) % 2:
            self._stack.fail("sets an item without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[plain_key(self._stack, key)] = value

    def _add_items(self) -> None:
        self._stack.pop_mark()
        if self._stack.top() is not SET:
            self._stack.fail("adds to something that is no set")

    def _frozen_set(self) -> None:
        self._stack.pop_mark()
        self._stack.push(SET)

    def _global(self) -> None:
        module, name = self._reader.line(_MAX_NAME), self._reader.line(_MAX_NAME)
        self._find(module.decode("utf-8", "replace"), name.decode("utf-8", "replace"))

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if type(module) is not str or type(name) is not str:
            self._stack.fail("names a global by something that is no text")
        self._find(module, name)

    def _find(self, module: str, name: str) -> None:
        if (module, name) not in self._allowed:
            raise CheckpointError(
                REFUSED_GLOBAL,
                f"{self._reader.what} names `{shown(module)}.{shown(name)}`"
                f" (before byte {self._reader.offset}), which archc does not know",
                notes=["nothing of the file was run"],
                helps=[
                    "save the state dictionary alone, with `torch.save(model.state_dict(), path)`,"
                    " or as safetensors"
                ],
            )
        self._stack.push(self._allowed[module, name])

    def _reduce(self) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if type(function) is not Constructor or type(arguments) is not tuple:
            self._stack.fail("calls something that is no function")
        self._stack.push(function.build(self._stack, arguments))

    def _build(self) -> None:
        state, target = self._stack.pop(), self._stack.top()
        # An ordered dictionary's state is attributes such as a state dictionary's `_metadata`.
        takes = target.takes_state(state) if isinstance(target, Record) else type(target) is dict
        if not takes:
            self._stack.fail("gives a state to something that has none")

    def _persistent_id(self) -> None:
        if self._persistent is None:
            self._stack.fail("refers to a storage where there can be none")
        self._stack.push(self._persistent(self._stack, self._stack.pop()))
