"""Values to Pydantic models: a layer's arguments, or a section of the spec, with diagnostics.

Pydantic decides what fits; the words are ours, made from the annotation of the field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.language.annotation import LARGEST_SHOWN, describe_type, options_of
from archc.language.values import Argument, LayerValue, Text, Value, describe
from archc.shapes.size import Form

UNKNOWN = Rule(
    "argument/unknown", "an argument is unknown", "a misspelt argument would leave its default"
)
MISSING = Rule("argument/missing", "a required argument is missing", "nothing stands in for it")
TYPE = Rule(
    "argument/type", "an argument's value does not fit", "the table of ops says what each takes"
)

M = TypeVar("M", bound=BaseModel)


def construct(
    model: type[M],
    arguments: Mapping[str, Argument],
    what: str,
    place: Place,
    reporter: Reporter,
    beside: tuple[str, ...] = (),
) -> M | Failed:
    """The model with these arguments, or the token where one is unknown, missing or misfit.

    `what` names the owner in messages, such as "`conv`"; `place` is marked where an argument is
    missing; `beside` are words that may stand beside arguments. An argument that failed before
    fails the model in silence.

    Reports:
        argument/unknown, argument/missing, argument/type.
    """
    failed = unknown_arguments(model.model_fields, arguments, what, reporter, beside)
    values: dict[str, object] = {}
    for name, argument in arguments.items():
        if isinstance(argument.value, Failed):
            failed = argument.value
        elif argument.value is None and name in model.model_fields:
            failed = _misfit(model, name, argument, what, reporter)
        elif name in model.model_fields:
            values[name] = plain(argument.value)
    made = _made(model, values)
    if isinstance(made, ValidationError):
        is_whole = failed is None
        reported = _report(made, model, arguments, what, place, reporter, is_whole=is_whole)
        return failed or reported
    return made if failed is None else failed


def _made(model: type[M], values: dict[str, object]) -> M | ValidationError:
    """The model; floats without a fraction are taken as ints where those as given do not fit."""
    try:
        return model.model_validate(values)
    except ValidationError:
        values = {name: _integral(value) for name, value in values.items()}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        return error


def unknown_arguments(
    known: Iterable[str],
    arguments: Mapping[str, Argument],
    what: str,
    reporter: Reporter,
    beside: tuple[str, ...] = (),
) -> Failed | None:
    """Reports each argument whose name is none of the known ones."""
    names = tuple(known)
    failed: Failed | None = None
    for name, argument in arguments.items():
        if name not in names:
            helps = did_you_mean(name, (*names, *beside))
            if name in beside:
                helps = (f"`{name}` is no argument: it stands beside the op, not among those",)
            elif not helps:
                listed = ", ".join(f"`{n}`" for n in names)
                helps = (f"it takes {listed}" if names else "it takes no arguments",)
            message = f"{what} has no argument `{name}`"
            failed = reporter.error(UNKNOWN, message, argument.place, helps=helps)
    return failed


def plain(value: Value) -> object:
    """A value as plain Python: texts as `str`, a layer with arguments as a spec writes it."""
    if isinstance(value, Text):
        return str(value)
    if isinstance(value, tuple):
        return tuple(plain(v) for v in value)
    if isinstance(value, LayerValue):
        return _plain_layer(value)
    return value


def _plain_layer(layer: LayerValue) -> object:
    """The name alone, or with its principal argument and the others beside it."""
    if not layer.arguments:
        return str(layer.name)
    given = {
        str(layer.name) if name is None else name: plain(argument.value)
        for name, argument in layer.arguments
        if not isinstance(argument.value, Failed)
    }
    return {str(layer.name): None} | given


def _integral(value: object) -> object:
    """Floats without a fraction as ints."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return tuple(_integral(v) for v in value) if isinstance(value, tuple) else value


def _report(
    error: ValidationError,
    model: type[BaseModel],
    arguments: Mapping[str, Argument],
    what: str,
    place: Place,
    reporter: Reporter,
    *,
    is_whole: bool,
) -> Failed:
    """Reports what does not fit, and, where no argument failed before, what is missing."""
    failed: Failed | None = None
    fields = dict.fromkeys(str(e["loc"][0]) if e["loc"] else "" for e in error.errors())
    for name in fields:
        argument = arguments.get(name)
        if argument is not None:
            if argument.value is None or isinstance(argument.value, Failed):
                continue  # reported before
            failed = _misfit(model, name, argument, what, reporter)
        elif name and is_whole:
            field = model.model_fields[name]
            wanted = describe_type(field.annotation, tuple(field.metadata))
            message = f"{what} needs `{name}`, {wanted}"
            failed = reporter.error(MISSING, message, place, helps=(f"add `{name}: …`",))
    if failed is None and is_whole:  # a check of the model as a whole, whose words are ours
        cause = error.errors()[0].get("ctx", {}).get("error")
        failed = reporter.error(TYPE, f"{what}: {cause}", place)
    return failed or FAILED


def _misfit(
    model: type[BaseModel], name: str, argument: Argument, what: str, reporter: Reporter
) -> Failed:
    field = model.model_fields[name]
    value = argument.value
    wanted = describe_type(field.annotation, tuple(field.metadata))
    message = f"`{name}` of {what} is {wanted}, not `{describe(value)}`"
    helps: tuple[str, ...] = ()
    options = options_of(field.annotation)
    if isinstance(value, Text) and options:
        helps = did_you_mean(value, options)
    elif isinstance(value, int | float) and not abs(value) <= LARGEST_SHOWN:
        helps = ("it must be a finite number, and no larger than a network needs",)
    elif isinstance(value, Form):
        helps = (f"`{value}` is known only when the model runs: fix the size of the input",)
    return reporter.error(TYPE, message, argument.place, helps=helps)
