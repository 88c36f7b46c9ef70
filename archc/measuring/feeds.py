"""What a model is measured on: a batch of noise, its open sizes settled."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime.model import Model
from archc.runtime.model_input import Admitted, ModelInput
from archc.weights.checkpoint import file_place
from archc.weights.shown import listed, shown

OPEN_SIZE = Rule(
    "measure/open-size",
    "nothing says at which size a model is to be measured",
    "Time grows with the size of the input. archc records the default of a symbolic size, or the "
    "smallest that is admitted; other programs record none.",
)
WRONG_SIZE = Rule(
    "measure/size",
    "a size is given that no model can be measured at",
    "A size replaces a symbol of an input, and has to be one that the network admits.",
)
FIXED_BATCH = Rule(
    "measure/fixed-batch",
    "a model is to be measured at a batch that it does not take",
    "Exporters fix the batch unless they are told not to; such a model runs at that batch alone.",
)

Feeds = Mapping[str, NDArray[np.generic]]
"""A batch for every input, under its name."""


def check_sizes(models: Sequence[Model], sizes: Mapping[str, int], reporter: Reporter) -> None:
    """Reports sizes whose name no input of the models has.

    Reports: measure/size.
    """
    known = {s for m in models for e in m.inputs for s in e.shape if isinstance(s, str)}
    for name in sizes.keys() - known:
        have = listed(sorted(known)) if known else "none"
        reporter.error(
            WRONG_SIZE,
            f"no input has a size `{shown(name)}`",
            file_place(f"--size {name}={sizes[name]}"),
            notes=(f"open sizes are {have}",) if known else ("all sizes are fixed",),
            helps=did_you_mean(name, known),
        )


def draw_feeds(
    model: Model, batch: int, sizes: Mapping[str, int], reporter: Reporter
) -> Feeds | Failed:
    """A batch for every input, drawn from a fixed seed: pixels, or normal numbers.

    A symbolic size is the one given, else the recorded default, else the smallest admitted.

    Reports: measure/open-size, measure/size, measure/fixed-batch.
    """
    generator = np.random.default_rng(0)
    feeds: dict[str, NDArray[np.generic]] = {}
    for entry, argument in zip(model.inputs, model.session.get_inputs(), strict=True):
        fixed = argument.shape[0] if argument.shape else None
        if isinstance(fixed, int) and fixed != batch:
            message = f"the input `{shown(entry.name)}` takes a batch of {fixed}, not of {batch}"
            helps = (f"measure it with `--batch {fixed}`",)
            return reporter.error(FIXED_BATCH, message, file_place(str(model.path)), helps=helps)
        if isinstance(settled := _settled(entry, model, sizes, reporter), Failed):
            return FAILED
        shape = (batch, *(s for s in settled.fed_shape if isinstance(s, int)))
        if entry.dtype.is_float:
            feeds[entry.name] = generator.standard_normal(shape).astype(entry.dtype.value)
        else:
            feeds[entry.name] = generator.integers(0, 256, shape, dtype=np.uint8)
    return feeds


def _settled(
    entry: ModelInput, model: Model, sizes: Mapping[str, int], reporter: Reporter
) -> ModelInput | Failed:
    """The input with a number in place of every symbol."""
    found: list[int | str] = []
    for size in entry.shape:
        admitted = None if isinstance(size, int) else entry.where.get(size)
        if isinstance(size, int):
            found.append(size)
        elif size in sizes:
            if admitted is not None and not admitted.admits(sizes[size]):
                return reporter.error(
                    WRONG_SIZE,
                    f"`{shown(size)}` of `{shown(entry.name)}` is {admitted}, not {sizes[size]}",
                    file_place(str(model.path)),
                    helps=(f"give one of those, such as `--size {size}={admitted.sample}`",),
                )
            found.append(sizes[size])
        elif admitted is None and not model.record.is_from_archc:
            return reporter.error(
                OPEN_SIZE,
                f"the model does not say which `{shown(size)}` of `{shown(entry.name)}` it is "
                "used at",
                file_place(str(model.path)),
                helps=(f"say it, for example `{_options(model, sizes)}`",),
            )
        else:
            found.append((admitted or Admitted()).sample)
    return replace(entry, shape=tuple(found))


def _options(model: Model, sizes: Mapping[str, int]) -> str:
    """The options that settle every open size of a model."""
    names = [s for entry in model.inputs for s in entry.shape if isinstance(s, str)]
    settled = {name: sizes.get(name, 224) for name in names}
    return " ".join(f"--size {shlex.quote(f'{shown(n)}={size}')}" for n, size in settled.items())
