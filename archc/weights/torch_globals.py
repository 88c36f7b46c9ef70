"""What a PyTorch pickle may name, and what archc puts in its place.

The pairs are those that `torch.save` writes for a state dictionary, and those of inert things that
training scripts store beside it (numpy's scalars and arrays, argument lists, paths), which are left
out of account. See `torch/_utils.py` and `torch/_weights_only_unpickler.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from archc.weights.elements import ELEMENT_TYPES, ElementType
from archc.weights.pickle_stack import PickleStack
from archc.weights.pickle_values import BYTES, SET, Constructor, Globals, Inert, plain_key
from archc.weights.torch_values import Tensor, tensor_of

_STORAGES: Mapping[str, str] = {
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "DoubleStorage": "float64",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
    "UntypedStorage": "uint8",
    "_UntypedStorage": "uint8",
}


def _rebuild_tensor(stack: PickleStack, arguments: tuple[object, ...]) -> object:
    if len(arguments) != 4:
        stack.fail("makes a tensor from too few or too many parts")
    return tensor_of(stack, arguments)


def _rebuild_tensor_v2(stack: PickleStack, arguments: tuple[object, ...]) -> object:
    if len(arguments) not in (6, 7):
        stack.fail("makes a tensor from too few or too many parts")
    _check_metadata(stack, arguments[6:])
    return tensor_of(stack, arguments[:4])


def _rebuild_tensor_v3(stack: PickleStack, arguments: tuple[object, ...]) -> object:
    if len(arguments) not in (7, 8):
        stack.fail("makes a tensor from too few or too many parts")
    kind = arguments[6]
    if type(kind) is not ElementType:
        stack.fail("makes a tensor without an element type")
    _check_metadata(stack, arguments[7:])
    return tensor_of(stack, arguments[:4], kind)


def _check_metadata(stack: PickleStack, metadata: tuple[object, ...]) -> None:
    """Marks such as "stored negated" change what the elements mean."""
    for marks in metadata:
        is_empty = marks is None or (type(marks) is dict and not marks)
        if not is_empty:
            stack.fail("makes a tensor with marks that archc does not know")


def _rebuild_parameter(stack: PickleStack, arguments: tuple[object, ...]) -> object:
    if not arguments or len(arguments) > 4 or type(arguments[0]) is not Tensor:
        stack.fail("makes a parameter of something that is no tensor")
    return arguments[0]


def _rebuild_from_type(stack: PickleStack, arguments: tuple[object, ...]) -> object:
    if len(arguments) != 4:
        stack.fail("makes a tensor from too few or too many parts")
    function, kind, parts, _ = arguments
    # Not itself: nested as deep as the file likes, it would exhaust Python's stack.
    if type(function) is not Constructor or function not in _REBUILDS or type(parts) is not tuple:
        stack.fail("makes a tensor by something that makes none")
    if kind is not _TENSOR and kind is not _PARAMETER:
        stack.fail("makes a tensor of a kind that archc does not know")
    return function.build(stack, parts)


def _dictionary(stack: PickleStack, arguments: tuple[object, ...]) -> object:
    """An ordered dictionary; Python 2 gives its items here as a list of pairs."""
    if not arguments:
        return {}
    (pairs, *rest) = arguments
    if rest or type(pairs) is not list:
        stack.fail("makes a dictionary of something that is no list of pairs")
    stack.charge(len(pairs))
    made: dict[object, object] = {}
    for pair in pairs:
        if type(pair) not in (list, tuple) or len(pair) != 2:
            stack.fail("makes a dictionary of something that is no list of pairs")
        made[plain_key(stack, pair[0])] = pair[1]
    return made


def _counter(_stack: PickleStack, arguments: tuple[object, ...]) -> object:
    """The counts, not copied; a dictionary with a default starts empty."""
    made = arguments[0] if arguments else None
    return made if type(made) is dict else {}


def _size(stack: PickleStack, arguments: tuple[object, ...]) -> object:
    sizes = arguments[0] if arguments else ()
    if type(sizes) is not tuple:
        stack.fail("makes a size of something that is no tuple")
    return sizes


def _always(value: object) -> Constructor:
    return Constructor("inert", lambda _stack, _arguments: value)


_TENSOR = Inert("tensor class")
_PARAMETER = Constructor("Parameter", _rebuild_parameter)
_REBUILDS = (
    Constructor("_rebuild_tensor", _rebuild_tensor),
    Constructor("_rebuild_tensor_v2", _rebuild_tensor_v2),
    Constructor("_rebuild_tensor_v3", _rebuild_tensor_v3),
    Constructor("_rebuild_parameter", _rebuild_parameter),
    Constructor("_rebuild_parameter_with_state", _rebuild_parameter),
)

_TENSORS: Globals = {
    **{("torch._utils", rebuild.name): rebuild for rebuild in _REBUILDS},
    ("torch._tensor", "_rebuild_from_type_v2"): Constructor("from_type", _rebuild_from_type),
    ("torch.nn.parameter", "Parameter"): _PARAMETER,
    ("torch", "Tensor"): _TENSOR,
    ("torch._tensor", "Tensor"): _TENSOR,
    ("torch", "Size"): Constructor("Size", _size),
    ("torch", "device"): _always(Inert("device")),
    **{
        (module, name): ELEMENT_TYPES[kind]
        for module in ("torch", "torch.cuda", "torch.storage")
        for name, kind in _STORAGES.items()
    },
    **{("torch", name): kind for name, kind in ELEMENT_TYPES.items()},
}

_CONTAINERS: Globals = {
    ("collections", "OrderedDict"): Constructor("OrderedDict", _dictionary),
    ("collections", "Counter"): Constructor("Counter", _counter),
    ("collections", "defaultdict"): Constructor("defaultdict", _counter),
    ("_codecs", "encode"): _always(BYTES),
    **{
        (module, name): _always(made)
        for module in ("builtins", "__builtin__")
        for name, made in {
            "set": SET,
            "frozenset": SET,
            "bytearray": BYTES,
            "bytes": BYTES,
            "complex": Inert("complex"),
        }.items()
    },
    # What a defaultdict makes; they are named and never called.
    **{
        (module, name): Inert("class")
        for module in ("builtins", "__builtin__")
        for name in ("dict", "list", "int", "float")
    },
}

_BESIDE: Globals = {
    **{
        (module, name): _always(Inert("array"))
        for module in ("numpy.core.multiarray", "numpy._core.multiarray")
        for name in ("scalar", "_reconstruct")
    },
    ("numpy", "dtype"): _always(Inert("dtype")),
    ("numpy", "ndarray"): Inert("array class"),
    ("argparse", "Namespace"): _always(Inert("arguments")),
    **{
        (module, name): _always(Inert("path"))
        for module in ("pathlib", "pathlib._local")
        for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
    },
}

TORCH_GLOBALS: Globals = {**_TENSORS, **_CONTAINERS, **_BESIDE}
"""Every (module, name) that a PyTorch checkpoint may name."""
