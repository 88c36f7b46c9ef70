"""Rules on the requests that Triton sends to a model before it says that it is ready."""

from __future__ import annotations

import os

from archc.deploy.triton.check_tensors import ANY, written
from archc.deploy.triton.examined import ENSEMBLE, Examined
from archc.deploy.triton.values import Group, Value
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.reporter import Reporter
from archc.weights.shown import listed, shown

WARMUP = Rule(
    "triton/warmup",
    "a warm-up request does not fit the model",
    "Triton sends it when it loads the model, and refuses the model where it fails.",
)

_DATA = ("zero_data", "random_data", "input_data_file")


def check_warmup(model: Examined, reporter: Reporter) -> None:
    """Checks the warm-up requests of a model against its inputs.

    Reports: triton/warmup.
    """
    if model.backend == ENSEMBLE:
        return
    for sample in model.config.groups("model_warmup"):
        batch = sample.integer("batch_size")
        if batch == 0:
            helps = ("write `batch_size: 1`",)
            reporter.warning(
                WARMUP, "a warm-up of no samples is left out", sample.place, helps=helps
            )
            continue
        if batch > max(model.max_batch_size, 1):
            message = f"a warm-up of {batch} samples is more than a batch may have"
            helps = (f"write `batch_size: {max(model.max_batch_size, 1)}` or less",)
            reporter.error(WARMUP, message, sample.place_of("batch_size"), helps=helps)
        _check_sample(model, sample, reporter)


def _check_sample(model: Examined, sample: Group, reporter: Reporter) -> None:
    inputs = {tensor.text("name"): tensor for tensor in model.config.groups("input")}
    entries = sample.entries("inputs")
    is_known = bool(inputs) and not model.config.has("sequence_batching")
    for name, value in entries.items():
        if not isinstance(value.data, Group):
            continue
        if is_known and name not in inputs:
            message = f"the warm-up feeds `{shown(name)}`, which is no input"
            helps = did_you_mean(name, inputs) or (f"inputs are {listed(list(inputs))}",)
            reporter.error(WARMUP, message, value.data.place, helps=helps)
            continue
        _check_data(model, name, value, reporter)
        if name in inputs:
            _check_fit(name, value.data, inputs[name], reporter)
    needed = [name for name, tensor in inputs.items() if not tensor.flag("optional")]
    missing = [name for name in needed if name not in entries]
    if is_known and missing:
        message = f"the warm-up does not feed {listed(missing)}"
        reporter.error(WARMUP, message, sample.place_of("inputs"))


def _check_data(model: Examined, name: str, value: Value, reporter: Reporter) -> None:
    data = value.data
    assert isinstance(data, Group)
    if ANY in data.integers("dims"):
        message = f"the warm-up of `{shown(name)}` has a size that is not said"
        helps = ("write a number for -1",)
        reporter.error(WARMUP, message, data.place_of("dims"), helps=helps)
    if not any(data.has(kind) for kind in _DATA):
        message = f"the warm-up of `{shown(name)}` says not what is fed"
        reporter.error(WARMUP, message, data.place, helps=("write `zero_data: true`",))
    file = data.text("input_data_file")
    if file and not os.path.isfile(model.folder / "warmup" / file):
        message = f"there is no file `warmup/{shown(file)}` in `{shown(model.name)}`"
        reporter.error(WARMUP, message, data.place_of("input_data_file"))


def _check_fit(name: str, data: Group, tensor: Group, reporter: Reporter) -> None:
    dims, wanted = data.integers("dims"), tensor.integers("dims")
    fits = len(dims) == len(wanted) and all(
        own in {size, ANY} for size, own in zip(dims, wanted, strict=True)
    )
    if not fits:
        message = f"the warm-up of `{shown(name)}` has the sizes {written(dims)}"
        notes = (f"the input has {written(wanted)}, the batch left out",)
        helps = () if ANY in wanted else (f"write `dims: {written(wanted)}`",)
        reporter.error(WARMUP, message, data.place_of("dims"), notes=notes, helps=helps)
    if data.text("data_type") != tensor.text("data_type"):
        kinds = f"{data.text('data_type')}, and the input is {tensor.text('data_type')}"
        message = f"the warm-up of `{shown(name)}` is {kinds}"
        helps = (f"write `data_type: {tensor.text('data_type')}`",)
        reporter.error(WARMUP, message, data.place_of("data_type"), helps=helps)
