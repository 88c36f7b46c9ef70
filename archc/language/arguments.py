"""Values to Pydantic models: a layer's arguments, or a section of the spec, with diagnostics.

Pydantic decides what fits; the words are ours, made from the annotation of the field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.language.annotation import LARGEST_SHOWN, describe_type, options_of
from archc.language.calculate import UnknownValue, calculate
from archc.language.expression import Mistake
from archc.language.expression_reader import read_template
from archc.language.lost_brackets import Fits, lost_brackets
from archc.language.other_words import is_given_by_input, is_layer_here, meant_argument
from archc.language.scope import Context, distrust, where_written
from archc.language.spec import SpecFile, unknown_cause
from archc.language.tree import Scalar, Tree
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

_WORD = re.compile(r"[A-Za-z_]\w*")
_INT = re.compile("-?[0-9]{1,9}")


def construct(
    model: type[M],
    arguments: Mapping[str, Argument],
    what: str,
    place: Place,
    reporter: Reporter,
    beside: tuple[str, ...] = (),
    context: Context | None = None,
) -> M | Failed:
    """The model with these arguments, or the token where one is unknown, missing or misfit.

    `what` names the owner in messages, such as "`conv`"; `place` is marked where an argument is
    missing; `beside` are words that may stand beside arguments. An argument that failed before
    fails the model in silence. With the `context` that they stand in, a value that was passed on
    from the use of a block is marked there.

    Reports:
        argument/unknown, argument/missing, argument/type.
    """
    failed = unknown_arguments(
        model.model_fields, arguments, what, reporter, beside, fits=partial(_fits, model)
    )
    misfits = _Misfits(model, what, reporter, context)
    values: dict[str, object] = {}
    for name, argument in arguments.items():
        if isinstance(argument.value, Failed):
            failed = argument.value
        elif argument.value is None and name in model.model_fields:
            failed = misfits.report(name, argument)
        elif name in model.model_fields:
            values[name] = plain(argument.value)
    made = _made(model, values)
    if isinstance(made, ValidationError):
        is_whole = failed is None
        reported = _report(made, misfits, arguments, place, is_whole=is_whole)
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
    declared_in: SpecFile | None = None,
    fits: Fits | None = None,
) -> Failed | None:
    """Reports each argument whose name is none of the known ones.

    For a number without a name `fits` says what it could be the value of. What a block of a file
    `declared_in` does not declare is one mistake with its other uses.
    """
    names = tuple(known)
    failed: Failed | None = None
    for name, argument in arguments.items():
        if name not in names:
            helps = did_you_mean(name, (*names, *beside))
            meant = meant_argument(name, names)
            if meant is not None:
                helps = (f"did you mean `{meant}`?",)
            elif is_given_by_input(name) and not helps:
                helps = ("leave it out: it follows from what comes in",)
            elif is_layer_here(name) and not helps:
                helps = ("it is a layer of its own: write it after this one",)
            elif name in beside:
                helps = (f"`{name}` is no argument: it stands beside the op, not among those",)
            elif not helps and fits is not None and _is_number(name, argument):
                helps = lost_brackets(name, names, arguments, fits)
            if not helps:
                listed = ", ".join(f"`{n}`" for n in names)
                helps = (f"it takes {listed}" if names else "it takes no arguments",)
            message = f"{what} has no argument `{name}`"
            cause = unknown_cause(declared_in, name) if declared_in is not None else None
            failed = reporter.error(UNKNOWN, message, argument.place, helps=helps, cause=cause)
    return failed


def _is_number(name: str, argument: Argument) -> bool:
    """Whether a number stands in the place of an argument's name, without a value."""
    return argument.value is None and _INT.fullmatch(name) is not None


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


@dataclass(slots=True)
class _Misfits:
    """Reports values that do not fit, each where it was written.

    `blamed` are the names whose values were found not to fit; what is computed from them is silent.
    """

    model: type[BaseModel]
    what: str
    reporter: Reporter
    context: Context | None
    blamed: set[str] = field(default_factory=set)

    def report(self, name: str, argument: Argument) -> Failed:
        """Reports an argument whose value does not fit."""
        info = self.model.model_fields[name]
        value = argument.value
        used = _names_in(argument.tree)
        if used & self.blamed:
            return FAILED
        self.blamed |= used
        wanted = describe_type(info.annotation, tuple(info.metadata))
        message = f"`{name}` of {self.what} is {wanted}, not `{describe(value)}`"
        place, related = argument.place, tuple[Related, ...]()
        if self.context is not None and self._is_of_a_kind(name, value):
            place = where_written(argument, self.context)
            distrust(argument, self.context)
        if place.span != argument.place.span:
            related = (Related(argument.place.span, f"{self.what} takes it here"),)
        helps = self._helps(name, argument)
        return self.reporter.error(TYPE, message, place, related=related, helps=helps)

    def _is_of_a_kind(self, name: str, value: object) -> bool:
        """Whether the argument takes other numbers, so that this number is at fault."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and any(_fits(self.model, name, other) for other in (1, 0.5, 2))

    def _helps(self, name: str, argument: Argument) -> tuple[str, ...]:
        value = argument.value
        options = options_of(self.model.model_fields[name].annotation)
        if isinstance(value, Text):
            if self._lacks_dollar(name, value, argument.tree):
                return (f"for the value of that name write `${value}`",)
            if options:
                return did_you_mean(value, options)
            if _INT.fullmatch(value) and _fits(self.model, name, int(value)):
                return (f"write it without quotes: `{name}: {value}`",)
        elif isinstance(value, int | float) and _fits(self.model, name, (value,)):
            return (f"write a list: `{name}: [{describe(value)}]`",)
        elif isinstance(value, int | float) and not abs(value) <= LARGEST_SHOWN:
            return ("it must be a finite number, and no larger than a network needs",)
        elif isinstance(value, Form):
            return (f"`{value}` is known only when the model runs: fix the size of the input",)
        return ()

    def _lacks_dollar(self, name: str, value: Text, tree: Tree) -> bool:
        """Whether a text is the name of a value that would fit."""
        if self.context is None or (isinstance(tree, Scalar) and "$" in tree.text):
            return False
        template = read_template(f"${value}")
        if isinstance(template, Mistake) or len(template) != 1 or isinstance(template[0], str):
            return False
        try:
            return _fits(self.model, name, plain(calculate(template[0], self.context)))
        except (Mistake, UnknownValue):
            return False


def _names_in(tree: Tree) -> set[str]:
    """The names that the expressions of a scalar may use."""
    is_computed = isinstance(tree, Scalar) and "$" in tree.text
    return set(_WORD.findall(tree.text)) if isinstance(tree, Scalar) and is_computed else set()


def _report(
    error: ValidationError,
    misfits: _Misfits,
    arguments: Mapping[str, Argument],
    place: Place,
    *,
    is_whole: bool,
) -> Failed:
    """Reports what does not fit, and, where no argument failed before, what is missing."""
    failed: Failed | None = None
    model, what, reporter = misfits.model, misfits.what, misfits.reporter
    fields = dict.fromkeys(str(e["loc"][0]) if e["loc"] else "" for e in error.errors())
    for name in fields:
        argument = arguments.get(name)
        if argument is not None:
            if argument.value is None or isinstance(argument.value, Failed):
                continue  # reported before
            failed = misfits.report(name, argument)
        elif name and is_whole:
            info = model.model_fields[name]
            wanted = describe_type(info.annotation, tuple(info.metadata))
            message = f"{what} needs `{name}`, {wanted}"
            failed = reporter.error(MISSING, message, place, helps=(f"add `{name}: …`",))
    if failed is None and is_whole:  # a check of the model as a whole, whose words are ours
        cause = error.errors()[0].get("ctx", {}).get("error")
        failed = reporter.error(TYPE, f"{what}: {cause}", place)
    return failed or FAILED


def _fits(model: type[BaseModel], name: str, value: object) -> bool:
    """Whether a value would be one that the argument takes."""
    made = _made(model, {name: value})
    return isinstance(made, BaseModel) or all(e["loc"][:1] != (name,) for e in made.errors())
