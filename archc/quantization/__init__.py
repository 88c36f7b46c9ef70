"""Quantization to eight bits: a float model and samples in, a model of uint8 and int8 out.

`units` decides what goes in eight bits, `running` runs models on samples, `observe` sees how far
the values of the float model go, `ranges` turns that into scales, `patches` and `rounding_up`
choose the levels of weights, `rounded_kernel` rounds them, `emit` writes the model with pairs of
`QuantizeLinear` and `DequantizeLinear`, `agreement` and `guard` measure what it costs and leave the
worst layers in float.
"""
