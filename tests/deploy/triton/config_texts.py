"""Texts in protobuf's text format for Hypothesis: configurations of any shape, and broken ones."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from archc.deploy.triton.schema_table import ENUMS, MESSAGES

DEEPEST = 4
SPACES = st.sampled_from([" ", "\n", "  ", "\t", " # a { comment } \n", "\r\n"])
ENDS = st.sampled_from(["", ",", ";", " ;"])
STRINGS = st.lists(
    st.sampled_from(
        ['"a"', "'b c'", '""', r'"\n\t\\\""', r"'\''", r'"\101\x41\u00e9"', '"é #{}"', '"\'"']
    ),
    min_size=1,
    max_size=3,
).map(" ".join)
NUMBERS = st.one_of(
    st.sampled_from(["0", "1", "-1", "007", "0x1F", "-0x0a", "08", "1.0", "1e3", "--1"]),
    st.integers(-(2**65), 2**65).map(str),
    st.integers(-3, 300).map(str),
)
REALS = st.sampled_from(["0", "1.5", "-2.", ".5", "1e-3", "2f", "1.5F", "inf", "-inf", "7E+2"])
BOOLS = st.sampled_from(["true", "false", "t", "f", "True", "False", "0", "1", "2", "yes"])


@st.composite
def config_texts(draw: st.DrawFn) -> str:
    """A configuration in one of its many spellings; a few values are out of range."""
    return _fields(draw, MESSAGES["ModelConfig"], 0)


@st.composite
def broken_texts(draw: st.DrawFn) -> str:
    """A configuration with a few characters taken out or put in.

    It has no escapes, since protobuf's reader in Python takes some that the one in C++ refuses.
    """
    text = draw(config_texts()).replace("\\", "")
    for _ in range(draw(st.integers(1, 2))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 6)))
        put = draw(st.sampled_from(["", "{", "}", "[", "]", ":", ",", "x", '"', "name", "<", ">"]))
        text = text[:start] + put + text[end:]
    return text


def _fields(draw: st.DrawFn, types: Mapping[str, str], depth: int) -> str:
    if not types:
        return ""
    names = draw(st.lists(st.sampled_from(sorted(types)), max_size=4, unique=draw(st.booleans())))
    return "".join(_field(draw, name, types[name], depth) for name in names)


def _field(draw: st.DrawFn, name: str, type_: str, depth: int) -> str:
    kind = type_.partition(" in ")[0]
    is_many = kind.endswith("*") or kind.startswith("map ")
    kind = kind.removesuffix("*")
    is_message = kind in MESSAGES or kind.startswith("map ")
    if is_message and depth >= DEEPEST:
        return ""
    colon = ":" if not is_message or draw(st.booleans()) else ""
    if is_many and draw(st.booleans()):
        items = [_value(draw, kind, depth) for _ in range(draw(st.integers(0, 3)))]
        return f"{name}{draw(SPACES)}{colon}[{','.join(items)}]{draw(ENDS)}{draw(SPACES)}"
    return f"{name}{colon}{draw(SPACES)}{_value(draw, kind, depth)}{draw(ENDS)}{draw(SPACES)}"


def _value(draw: st.DrawFn, kind: str, depth: int) -> str:
    if kind.startswith("map "):
        _, key, value = kind.split(" ")
        return _braced(draw, _fields(draw, {"key": key, "value": value}, depth + 1))
    if kind in MESSAGES:
        return _braced(draw, _fields(draw, MESSAGES[kind], depth + 1))
    if kind in ENUMS:
        return draw(st.sampled_from([*ENUMS[kind], "0", "1", "77", "NO_SUCH"]))
    scalars = {"string": STRINGS, "bool": BOOLS, "float": REALS, "double": REALS}
    return draw(scalars.get(kind, NUMBERS))


def _braced(draw: st.DrawFn, text: str) -> str:
    inside = f"{draw(SPACES)}{text}"
    return f"{{{inside}}}" if draw(st.booleans()) else f"<{inside}>"
