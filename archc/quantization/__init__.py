"""Quantization to eight bits: a float model and samples in, a model of uint8 and int8 out.

`units` decides what goes in eight bits, `observe` runs the float model on samples, `ranges` turns
what was seen into scales, `patches` and `rounding_up` choose the levels of weights, `emit` writes
the model with pairs of `QuantizeLinear` and `DequantizeLinear`, `guard` measures what it costs and
leaves the worst layers in float.
"""
