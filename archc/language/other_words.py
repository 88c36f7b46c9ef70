"""Words of other frameworks, and what is meant by them here.

They are only looked up where a name is unknown and nothing here is spelt alike, and only given
where what they mean fits.
"""

from __future__ import annotations

from collections.abc import Iterable

from archc.diagnostics.nearest import nearest

_ARGUMENTS = {
    "kernelsize": ("kernel",), "poolsize": ("kernel",), "windowsize": ("kernel",),
    "outchannels": ("out",), "filters": ("out",), "units": ("out",), "outfeatures": ("out",),
    "numoutput": ("out",), "dilationrate": ("dilation",), "usebias": ("bias",),
    "epsilon": ("eps",), "p": ("rate",), "negativeslope": ("slope",), "numgroups": ("groups",),
    "scalefactor": ("factor",), "dim": ("axis",), "depthmultiplier": ("multiplier",),
    "cardinality": ("groups",), "alpha": ("slope",),
}  # fmt: skip
_OPS = {
    "linear": "dense", "fc": "dense", "fullyconnected": "dense", "innerproduct": "dense",
    "gemm": "dense", "convolution": "conv", "maxpooling2d": "max_pool", "maxpool2d": "max_pool",
    "averagepooling2d": "avg_pool", "avgpool2d": "avg_pool", "batchnormalization": "batch_norm",
    "globalaveragepooling2d": "global_avg_pool", "globalaveragepool": "global_avg_pool",
    "globalmaxpooling2d": "global_max_pool", "concatenate": "concat", "swish": "silu",
    "hswish": "hard_swish", "hardswish": "hard_swish", "hsigmoid": "hard_sigmoid",
    "upsampling2d": "upsample", "zeropadding2d": "pad", "zeropad2d": "pad",
    "lrn": "local_response_norm", "pixelshuffle": "depth_to_space", "deconv": "conv_transpose",
    "convtranspose2d": "conv_transpose", "conv2dtranspose": "conv_transpose",
    "adaptiveavgpool2d": "adaptive_avg_pool", "depthwiseconv2d": "depthwise_conv",
    "depthwise": "depthwise_conv", "droppath": "stochastic_depth", "eltwise": "add",
    "layernormalization": "layer_norm", "groupnormalization": "group_norm", "shortcut": "add",
    "route": "concat", "transpose": "permute", "view": "reshape",
}  # fmt: skip

_GIVEN_BY_INPUT = frozenset(("inchannels", "infeatures", "numfeatures", "inputdim", "channels"))

_LAYERS_HERE = frozenset(("activation", "act", "nonlinearity", "norm", "normalization"))


def meant_argument(name: str, known: Iterable[str]) -> str | None:
    """The argument that a name of another framework means, if it is a known one."""
    names = tuple(known)
    return next((word for word in _ARGUMENTS.get(_folded(name), ()) if word in names), None)


def meant_op(name: str, known: Iterable[str]) -> str | None:
    """The op that a name of another framework means, or that is spelt most like it."""
    names = tuple(known)
    word = _OPS.get(_folded(name))
    if word in names:
        return word
    return nearest(name, names) or nearest(name.rpartition(".")[2], names)


def is_given_by_input(name: str) -> bool:
    """Whether a name of another framework says what follows from the input here."""
    return _folded(name) in _GIVEN_BY_INPUT


def is_layer_here(name: str) -> bool:
    """Whether a name of another framework says as an argument what is a layer of its own here."""
    return _folded(name) in _LAYERS_HERE


def _folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").rpartition(".")[2]
