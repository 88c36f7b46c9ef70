"""The multiply-accumulates of an ONNX operator, by the shapes that it took and gave.

Counted are convolutions and matrix products, as `archc summary` counts the layers that become them:
an element of the result is as many as it has products (ONNX operators Conv, ConvTranspose, Gemm,
MatMul and their forms in eight bits). Everything else counts as none.
"""

from __future__ import annotations

import math

from archc.onnx_io.profiling import Kernel

_KERNEL_AT = {"Conv": 1, "FusedConv": 1, "ConvInteger": 1, "QLinearConv": 3}
"""Which input is the kernel (C_out, C_in / groups, K_h, K_w) of a convolution."""

_MATRIX_PRODUCTS = {"Gemm", "MatMul", "FusedGemm", "FusedMatMul", "MatMulInteger", "QGemm",
                    "QLinearMatMul"}  # fmt: skip


def operator_macs(kernel: Kernel) -> int:
    """The multiply-accumulates of one run."""
    inputs = kernel.input_shapes
    given = math.prod(kernel.output_shapes[0]) if kernel.output_shapes else 0
    at = _KERNEL_AT.get(kernel.op_type)
    if at is not None and len(inputs) > at:
        return given * math.prod(inputs[at][1:])
    if kernel.op_type == "ConvTranspose" and len(inputs) > 1:
        return math.prod(inputs[0]) * math.prod(inputs[1][1:])
    if kernel.op_type == "Gemm" and kernel.output_shapes and kernel.output_shapes[0]:
        rows = kernel.output_shapes[0][0]  # (M, K) or (K, M) times (K, N)
        return given * math.prod(inputs[0]) // max(rows, 1)
    if kernel.op_type in _MATRIX_PRODUCTS and inputs and inputs[0]:
        return given * inputs[0][-1]
    return 0
