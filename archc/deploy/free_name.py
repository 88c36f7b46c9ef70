"""Names for further inputs, outputs and nodes of a model that has names of its own."""

from __future__ import annotations

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.model import ModelDef
from archc.onnx_io.renaming import rename_value
from archc.weights.shown import shown

NAME_TAKEN = Rule(
    "deploy/name-taken",
    "a value of the network has the name of a further input or output",
    "Inputs, outputs and the values between them share one space of names.",
)


def names_in(model: ModelDef) -> set[str]:
    """The names of all inputs, outputs, initializers, values and nodes."""
    names = {value.name for value in (*model.inputs, *model.outputs, *model.values)}
    names |= {initializer.name for initializer in model.initializers}
    for node in model.nodes:
        names |= {node.name, *node.outputs}
    return names


def with_free_name(
    model: ModelDef, name: str, place: Place, reporter: Reporter
) -> ModelDef | Failed:
    """The model with no value of this name: one between inputs and outputs is called otherwise.

    Reports: deploy/name-taken.
    """
    fixed = {entry.name for entry in (*model.inputs, *model.outputs)}
    fixed |= {initializer.name for initializer in model.initializers}
    if name in fixed:
        message = f"an input, an output or a weight of the network is called `{shown(name)}`"
        return reporter.error(NAME_TAKEN, message, place, helps=("give it another name",))
    taken = names_in(model)
    return rename_value(model, name, free_name(name, taken)) if name in taken else model


def free_name(wanted: str, taken: set[str]) -> str:
    """The name, or the name with a number that is not taken."""
    name, number = wanted, 0
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name
