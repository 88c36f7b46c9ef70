"""Which file of this folder gives which op.

The table is written by hand so that a command imports only the families that a spec uses; a test
compares it with the classes themselves.
"""

from functools import cache
from importlib import import_module

from archc.diagnostics.errors import InternalError
from archc.graph.layer import Layer

_FAMILIES: dict[str, str] = {
    "convolution": "conv depthwise_conv",
    "transposed_convolution": "conv_transpose",
    "dense": "dense",
    "batch_normalization": "batch_norm",
    "normalization": "layer_norm instance_norm group_norm local_response_norm",
    "scaling": "scale multiply shift normalize",
    "pooling": "max_pool avg_pool global_avg_pool global_max_pool",
    "unpooling": "max_unpool",
    "adaptive_pooling": "adaptive_avg_pool adaptive_max_pool",
    "rectifier": "relu relu6 leaky_relu prelu elu selu",
    "activation": "sigmoid hard_sigmoid tanh silu hard_swish gelu mish softplus",
    "softmax": "softmax log_softmax",
    "elementwise": "identity abs sqrt square clip",
    "reduction": "mean max argmax",
    "reshaping": "flatten reshape permute squeeze",
    "border": "pad slice",
    "rearrangement": "depth_to_space space_to_depth channel_shuffle",
    "upsampling": "upsample",
    "dropout": "dropout stochastic_depth",
    "merge": "add sub mul average maximum concat",
}

OPS: dict[str, str] = {op: module for module, ops in _FAMILIES.items() for op in ops.split()}
"""The file, without folder and ending, of each op, family by family."""


def op_names() -> tuple[str, ...]:
    """The names of all ops, family by family."""
    return tuple(OPS)


@cache
def layer_class(op: str) -> type[Layer]:
    """The class of an op, after an import of its family alone.

    Raises:
        KeyError: there is no such op.
        InternalError: the family does not give the op that the table says it gives.
    """
    module = import_module(f"archc.layers.{OPS[op]}")
    layers: tuple[type[Layer], ...] = module.LAYERS
    for layer in layers:
        if layer.op == op:
            return layer
    raise InternalError(f"archc/layers/{OPS[op]}.py gives no `{op}`")
