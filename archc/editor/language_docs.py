"""What the words of the language mean that are neither ops nor their arguments."""

from __future__ import annotations

TOP_KEYS = {
    "archc": "The language version: `1`.",
    "name": "The name of the architecture.",
    "description": "What the network is, in a sentence.",
    "source": "Where the network was published.",
    "license": "The license of the spec.",
    "imports": "Spec files whose blocks are usable here: paths from this file, or built-in names.",
    "params": "Typed parameters with defaults.",
    "variants": "Named sets of parameter values, each with its own `expect` if wanted.",
    "let": "Names derived from parameters, evaluated in order.",
    "input": "The inputs, without the batch axis: `{NAME: shape}` or `{NAME: {shape: …}}`.",
    "preprocess": "How an image file becomes the first input.",
    "blocks": "Reusable pieces with parameters.",
    "layers": "The network: a list or a mapping of layers, which run in the order written.",
    "outputs": "`{NAME: path of a layer}`; left out, the last layer is the output.",
    "labels": "The names of the classes: a list, or a text file with one a line.",
    "weights": "How the names in checkpoints become those of the layers.",
    "expect": "Facts that validation confirms for the defaults.",
}

PARAMETER_KEYS = {
    "type": "`int`, `float`, `bool`, `str`, `layer`, `list`, `list of T`, or `T or U`.",
    "default": "The value where nobody gives one; it gives the type, too.",
    "min": "The smallest admitted value.",
    "max": "The largest admitted value.",
    "choices": "The admitted values.",
    "help": "What the parameter is for.",
}

TYPES = {
    "int": "A whole number; a float without a fraction is taken as well.",
    "float": "A number.",
    "bool": "`true` or `false`.",
    "str": "A text.",
    "layer": "The name of an op or block, or one layer with its arguments.",
    "list": "A list of anything.",
    "list of int": "A list of whole numbers.",
    "int or list of int": "A whole number, or a list of them.",
}

BLOCK_KEYS = {
    "params": "The parameters of the block; the first is the principal argument.",
    "let": "Names derived from the parameters, evaluated in order.",
    "layers": "The layers of the block, in a scope of their own where it is used.",
    "description": "What the block is.",
}

VARIANT_KEYS = {
    "expect": "Facts that validation confirms for this variant.",
    "description": "What the variant is.",
}

INPUT_KEYS = {
    "shape": "Channels, height, width, or one number of features; a size may be a symbol.",
    "layout": "How the built model takes the input: `nchw` or `nhwc`.",
    "dtype": "`float32`, `float16` or `uint8`, which is cast where it enters.",
    "where": "What the symbols admit: `{H: {min: 32, multiple_of: 32, default: 224}}`.",
}

WHERE_KEYS = {
    "min": "The smallest size.",
    "max": "The largest size.",
    "multiple_of": "What the size is a multiple of.",
    "remainder": "What the size is beyond the multiple.",
    "default": "The size used for costs and samples.",
}

WEIGHTS_KEYS = {
    "layout": "How the arrays lie: `torch`, or `keras`.",
    "prefix": "Taken off the names that have it.",
    "rename": "Patterns with replacements, applied to every name in order.",
    "ignore": "Patterns of names that are passed over.",
}

EXPECT_KEYS = {
    "parameters": "The number of learned values.",
    "macs": "Multiply-accumulates of convolutions and dense layers at the default size.",
    "outputs": "The shapes of the outputs without the batch.",
}

MODIFIERS = {
    "when": "A condition; where it is false the layer is left out.",
    "from": "The path of the layer to start from, instead of the one before.",
    "weights": "The path of the layer whose weights are used in place of own ones.",
    "name": "In a list: the layer's name, in place of a number.",
    "repeat": "In a list: how many copies run one after the other.",
    "first": "Beside `repeat`: the arguments of the first copy alone.",
    "layers": "A scope: a list or a mapping of layers of its own.",
    "branches": "The branches that are joined; each starts at the tensor before the merge.",
}

CONTROL_KEYS = {
    "for": "The names that each element of `in` gives a value.",
    "in": "The elements to go through: a list, or an expression.",
    "repeat": "How often the layers run.",
    "if": "The condition under which the layers run.",
    "do": "The layers, put into the list around.",
    "else": "The layers that run where the condition does not hold.",
    "when": "A condition; where it is false the item is left out.",
}

SECTIONS = {
    "parameter": PARAMETER_KEYS,
    "block": BLOCK_KEYS,
    "variant": VARIANT_KEYS,
    "input": INPUT_KEYS,
    "weights": WEIGHTS_KEYS,
    "expect": EXPECT_KEYS,
}
"""The fixed keys by the section of a word."""

KEY_VALUES = {
    ("input", "layout"): ("nchw", "nhwc"),
    ("input", "dtype"): ("float32", "float16", "uint8"),
    ("weights", "layout"): ("torch", "keras"),
}
"""The words that a key takes, by its section and name."""

INPUT_PROPERTIES = {
    "channels": "The channels of the tensor that enters.",
    "height": "Its height.",
    "width": "Its width.",
    "features": "Its features, once flattened.",
}

FUNCTIONS = {
    "min": ("min(a, b, …)", "The smallest of numbers, or of a list."),
    "max": ("max(a, b, …)", "The largest of numbers, or of a list."),
    "abs": ("abs(x)", "The number without its sign."),
    "round": ("round(x, digits)", "The nearest whole number; a half goes to the even neighbour."),
    "floor": ("floor(x)", "The next whole number below."),
    "ceil": ("ceil(x)", "The next whole number above."),
    "sqrt": ("sqrt(x)", "The square root."),
    "len": ("len(list)", "The number of elements."),
    "sum": ("sum(list)", "The sum of the elements."),
    "range": ("range(start, stop, step)", "The whole numbers from `start` up to before `stop`."),
    "zip": ("zip(list, list, …)", "The elements of several lists, side by side."),
    "enumerate": ("enumerate(list)", "The elements, each with its number from 0."),
    "int": ("int(x)", "The number, cut towards zero."),
    "divisible": (
        "divisible(v, by=8)",
        "The multiple of `by` nearest to v, never below 0.9·v: the mobile networks' rule.",
    ),
}
"""The functions of expressions: how each is called, and what it gives."""
