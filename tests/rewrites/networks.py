"""Random networks in which rewrites have work: branches, shared weights, inner outputs."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

CHANNELS, SIDE = 4, 12
"""Of the input, C × H × H."""

AFFINE = (
    "batch_norm",
    "{batch_norm: {scale: false}}",
    "{batch_norm: {center: false, eps: 0.01}}",
    "scale",
    "{multiply: 0.5}",
    "{multiply: 2.0}",
    "{shift: -0.25}",
    "{normalize: {mean: 0.3, std: 2.0}}",
)
_SAME = (
    "relu",
    "relu6",
    "silu",
    "hard_swish",
    "sigmoid",
    "{dropout: 0.5}",
    "{depthwise_conv: 3, padding: 1}",
)


class _Value(NamedTuple):
    name: str
    channels: int
    side: int


class _Kind(NamedTuple):
    """A layer as it is written, its channels (None for those that come in), and its height."""

    text: str
    channels: int | None
    times: float = 1.0
    plus: int = 0


_KINDS = (
    *(_Kind(text, None) for text in (*AFFINE, *_SAME)),
    _Kind("{conv: 6, kernel: 3}", 6, plus=-2),
    _Kind("{conv: 4, kernel: 1, bias: false}", 4),
    _Kind("{conv: 8, kernel: 3, padding: 1, groups: 2}", 8),
    _Kind("{conv: 8, kernel: 3, padding: [1, 0, 0, 0], bias: false}", 8, plus=-1),
    _Kind("{conv_transpose: 6, kernel: 2, stride: 2}", 6, times=2),
    _Kind("{conv_transpose: 8, kernel: 3, groups: 2, bias: false}", 8, plus=2),
    _Kind("{pad: 1}", None, plus=2),
    _Kind("{pad: {padding: 1, value: 2.0}}", None, plus=2),
    _Kind("{pad: {padding: 1, mode: edge}}", None, plus=2),
    _Kind("{max_pool: 2}", None, times=0.5),
)


_PAIRS = (
    (_Kind("{pad: 1}", None, plus=2), _Kind("{conv: 6, kernel: 3}", 6, plus=-2)),
    (_Kind("{pad: [1, 0]}", None, plus=1), _Kind("{conv: 8, kernel: 3, padding: 1}", 8)),
    (
        _Kind("{pad: {padding: 1, value: 2.0}}", None, plus=2),
        _Kind("{conv: 4, kernel: 3, bias: false}", 4, plus=-2),
    ),
    (_Kind("relu6", None), _Kind("relu", None)),
    (_Kind("sigmoid", None), _Kind("relu", None)),
    (_Kind("{multiply: 0.5}", None), _Kind("{multiply: 2.0}", None)),
    (_Kind("{shift: 0.5}", None), _Kind("{shift: 1.5}", None)),
    (_Kind("{conv: 4, kernel: 1}", 4), _Kind("batch_norm", None)),
    (_Kind("scale", None), _Kind("{conv: 6, kernel: 3, bias: false}", 6, plus=-2)),
)
"""What a rewrite makes one of, unless something else wants what is between."""


@st.composite
def networks(draw: st.DrawFn) -> str:
    """The text of a spec without its name: image layers in branches, dense ones behind them."""
    values = [_Value("image", CHANNELS, SIDE)]
    lines: list[str] = []
    for number in range(draw(st.integers(2, 7))):
        # Chains are what most rewrites are about.
        source = values[-1] if draw(st.integers(0, 3)) else draw(st.sampled_from(values))
        form = draw(st.sampled_from((_layer, _layer, _layer, _pair, _pair, _sum, _row, _shared)))
        lines += form(draw, values, source, f"l{number}")
    names = [values[-1].name]
    if draw(st.booleans()):
        dense = _dense_layers(draw)
        lines += dense
        names = [dense[-1].partition(":")[0]]
    inner = draw(st.lists(st.sampled_from(values[1:]), max_size=2, unique=True))
    names += [value.name for value in inner if value.name not in names]
    outputs = ", ".join(f"out{i}: {name}" for i, name in enumerate(names))
    layers = "".join(f"  {line}\n" for line in lines)
    shape = f"[{CHANNELS}, {SIDE}, {SIDE}]"
    return f"input: {{image: {shape}}}\nlayers:\n{layers}outputs: {{{outputs}}}\n"


def _applied(values: list[_Value], source: _Value, kind: _Kind, name: str) -> str:
    """The line of a layer, whose value is added."""
    side = int(source.side * kind.times) + kind.plus
    values.append(_Value(name, kind.channels or source.channels, side))
    text = kind.text[1:-1] if kind.text.startswith("{") else f"{kind.text}: {{}}"
    return f"{name}: {{from: {source.name}, {text}}}"


def _layer(draw: st.DrawFn, values: list[_Value], source: _Value, name: str) -> list[str]:
    fitting = [kind for kind in _KINDS if 3 <= source.side * kind.times + kind.plus <= 24]
    return [_applied(values, source, draw(st.sampled_from(fitting)), name)]


def _pair(draw: st.DrawFn, values: list[_Value], source: _Value, name: str) -> list[str]:
    fitting = [pair for pair in _PAIRS if source.side + sum(kind.plus for kind in pair) >= 3]
    first, second = draw(st.sampled_from(fitting))
    line = _applied(values, source, first, f"{name}a")
    return [line, _applied(values, values[-1], second, name)]


def _sum(draw: st.DrawFn, values: list[_Value], source: _Value, name: str) -> list[str]:
    alike = [v for v in values if v[1:] == source[1:]]
    other = draw(st.sampled_from(alike))
    values.append(source._replace(name=name))
    return [f"{name}: {{add: [{{from: {source.name}}}, {{from: {other.name}}}]}}"]


def _row(draw: st.DrawFn, values: list[_Value], source: _Value, name: str) -> list[str]:
    other = draw(st.sampled_from([v for v in values if v.side == source.side]))
    values.append(_Value(name, source.channels + other.channels, source.side))
    return [f"{name}: {{concat: [{{from: {source.name}}}, {{from: {other.name}}}]}}"]


def _shared(draw: st.DrawFn, values: list[_Value], source: _Value, name: str) -> list[str]:
    """Two layers with the same weights."""
    shared = draw(st.sampled_from((f"conv: {source.channels}, kernel: 1", "scale: {}")))
    values += [source._replace(name=f"{name}a"), source._replace(name=name)]
    first = f"{name}a: {{from: {source.name}, {shared}}}"
    return [first, f"{name}: {{{shared}, weights: {name}a}}"]


def _dense_layers(draw: st.DrawFn) -> list[str]:
    texts = ["{dense: 6}", "{dense: 5, bias: false}", "relu", "silu", "flatten", *AFFINE]
    chosen = draw(st.lists(st.sampled_from(texts), min_size=1, max_size=5))
    pool = ["pool: {global_avg_pool: {keep_dims: false}}"]
    return pool + [f"d{number}: {text}" for number, text in enumerate(chosen)]
