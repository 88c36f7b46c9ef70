"""Parameters to values: defaults, then the variant, then what the caller gives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeGuard

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.nearest import nearest
from archc.diagnostics.place import Place, Span
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.language.evaluate import Evaluator
from archc.language.parameter_type import ParameterType, accept, parse_type, type_of
from archc.language.scope import Context
from archc.language.spec import Parameter, SpecFile
from archc.language.tree import Entry, Scalar, Tree, has_expression
from archc.language.values import Argument, Text, Value, describe, type_name
from archc.layers.catalog import OPS
from archc.shapes.size import Form

REQUIRED = Rule(
    "params/required", "a required parameter has no value",
    "a parameter without a default needs a value from the variant, the caller or the use",
)  # fmt: skip
TYPE = Rule("params/type", "a parameter's value has the wrong type", "its declaration says which")
RANGE = Rule(
    "params/out-of-range", "a parameter's value is not admitted",
    "the declaration bounds it by `min`, `max` or `choices`",
)  # fmt: skip
BOUND = Rule("params/bound", "a bound of a parameter cannot be used", "values are compared with it")

_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")


class Binder:
    """Binds parameters and `let` names, in the order written."""

    def __init__(self, evaluator: Evaluator, reporter: Reporter) -> None:
        self._evaluator = evaluator
        self._reporter = reporter
        self._default_types: dict[Parameter, ParameterType] = {}

    def bind(
        self,
        params: Mapping[str, Parameter],
        given: Mapping[str, Argument | Tree],
        context: Context,
        values: dict[str, Value | Failed],
        missing: Place,
        what: str,
        *,
        is_whole: bool = True,
    ) -> None:
        """Puts the value of each parameter into `values`, which the context's names include.

        What is given as a tree, as in a variant, is evaluated where its parameter stands, so it may
        use the parameters above. `missing` is marked where a required parameter has no value;
        `what` names the owner. Where what is given is not whole, as one of it has a misspelt name,
        nobody knows the others.
        """
        for name, parameter in params.items():
            argument = given.get(name)
            if argument is None and not is_whole:
                values[name] = FAILED
            elif argument is not None:
                if not isinstance(argument, Argument):
                    argument = self._evaluator.argument(argument, context)
                kind = parameter.type or self._default_type(parameter, context)
                values[name] = self._check(parameter, kind, argument, context, what)
            elif parameter.default is not None:
                argument = self._evaluator.argument(parameter.default, context)
                kind = parameter.type or _type_given(argument.value, context)
                values[name] = self._check(parameter, kind, argument, context, what)
            elif parameter.type is None:
                values[name] = FAILED  # its declaration is reported
            else:
                message = f"{what} needs `{name}`, {_article(parameter.type)}"
                related = (Related(parameter.span, "declared without a default"),)
                values[name] = self._reporter.error(
                    REQUIRED, message, missing, related=related, helps=(f"add `{name}: …`",)
                )

    def check_defaults(self, params: Mapping[str, Parameter], context: Context, what: str) -> None:
        """Checks the defaults that hang on no other value, where a block is not used."""
        for parameter in params.values():
            if parameter.default is not None:
                argument = self._evaluator.argument(parameter.default, context)
                kind = parameter.type or _type_given(argument.value, context)
                self._check(parameter, kind, argument, context, what)

    def let(
        self, entries: tuple[Entry, ...], context: Context, values: dict[str, Value | Failed]
    ) -> None:
        """Puts the value of each `let` name into `values`, which the context's names include."""
        for entry in entries:
            value = self._evaluator.value(entry.value, context)
            if value is None:
                message = f"`{entry.key.text}` is null, which is no value"
                value = self._reporter.error(TYPE, message, context.place(entry.key.span))
            values[entry.key.text] = value

    def _default_type(self, parameter: Parameter, context: Context) -> ParameterType | None:
        """The type that a default gives, where it can be evaluated; its mistakes show when used."""
        default = parameter.default
        if default is None:
            return None
        known = self._default_types.get(parameter)
        if known is not None:
            return known
        kind = _type_given(Evaluator(Reporter()).value(default, context), context)
        if kind is not None and not has_expression(default):
            self._default_types[parameter] = kind
        return kind

    def _check(
        self,
        parameter: Parameter,
        kind: ParameterType | None,
        argument: Argument,
        context: Context,
        what: str,
    ) -> Value | Failed:
        value = argument.value
        if isinstance(value, Failed):
            return FAILED
        if value is None:
            message = f"`{parameter.name}` of {what} is null, which is no value"
            return self._reporter.error(TYPE, message, argument.place)
        if kind is not None:
            accepted = accept(kind, value)
            if accepted is None:
                return self._mistyped(parameter, kind, argument, context, what)
            value = accepted[0]
        return self._in_range(parameter, value, argument, context)

    def _mistyped(
        self,
        parameter: Parameter,
        kind: ParameterType,
        argument: Argument,
        context: Context,
        what: str,
    ) -> Failed:
        meant = _misspelt_type(parameter)
        value = argument.value
        if meant is not None and not isinstance(value, Failed) and accept(meant, value) is not None:
            return self._not_a_type(parameter, meant, argument)
        found = f"{type_name(argument.value)} `{describe(argument.value)}`"
        message = f"`{parameter.name}` of {what} is {_article(kind)}, not the {found}"
        related = _declared(parameter.span, argument.place.span)
        helps = _unquoted(kind, argument.value) or _named(kind, argument, context)
        return self._reporter.error(TYPE, message, argument.place, related=related, helps=helps)

    def _not_a_type(self, parameter: Parameter, meant: ParameterType, argument: Argument) -> Failed:
        """Reports a type that is misspelt, so that it was taken for a default."""
        default = parameter.default
        assert isinstance(default, Scalar)
        message = f"`{default.text}` is no type, so it is the default of `{parameter.name}`"
        given = describe(argument.value)
        related = (Related(argument.place.span, f"the {type_name(argument.value)} `{given}`"),)
        helps = (f"did you mean `{meant}`?",)
        place = Place(default.span)
        return self._reporter.error(TYPE, message, place, related=related, helps=helps)

    def _in_range(
        self, parameter: Parameter, value: Value, argument: Argument, context: Context
    ) -> Value | Failed:
        for bound, words in ((parameter.minimum, "at least"), (parameter.maximum, "at most")):
            if bound is None:
                continue
            limit = self._evaluator.value(bound, context)
            if isinstance(limit, Failed):
                return FAILED
            numbers = _numbers(value)
            if not _is_number(limit) or numbers is None:
                message = f"`{describe(limit)}` cannot bound `{describe(value)}`, {_kind(value)}"
                return self._reporter.error(BOUND, message, context.place(bound.span))
            wrong = [n for n in numbers if (n < limit if words == "at least" else n > limit)]
            if wrong:
                message = (
                    f"`{parameter.name}` is {words} {describe(limit)}, not {describe(wrong[0])}"
                )
                return self._reporter.error(
                    RANGE, message, argument.place, related=(Related(bound.span, "declared here"),)
                )
        return self._among(parameter, value, argument, context)

    def _among(
        self, parameter: Parameter, value: Value, argument: Argument, context: Context
    ) -> Value | Failed:
        if parameter.choices is None:
            return value
        choices = self._evaluator.value(parameter.choices, context)
        if isinstance(choices, Failed) or not isinstance(choices, tuple) or value in choices:
            return FAILED if isinstance(choices, Failed) else value
        listed = ", ".join(f"`{describe(choice)}`" for choice in choices)
        message = f"`{parameter.name}` is one of {listed}, not `{describe(value)}`"
        related = (Related(parameter.choices.span, "declared here"),)
        return self._reporter.error(RANGE, message, argument.place, related=related)


def _type_given(value: Value | Failed, context: Context) -> ParameterType | None:
    """The type that a value gives its parameter."""
    if isinstance(value, Failed) or value is None:
        return None
    return type_of(value, lambda text: names_layer(text, context.file))


def _unquoted(kind: ParameterType, value: object) -> tuple[str, ...]:
    """The help for a number that quotes have made a text, or no help."""
    if not isinstance(value, Text) or not _NUMBER.fullmatch(value):
        return ()
    number = float(value) if "." in value else int(value)
    return () if accept(kind, number) is None else (f"write it without quotes: `{value}`",)


def _named(kind: ParameterType, argument: Argument, context: Context) -> tuple[str, ...]:
    """The help for the name of a value without its `$`, or no help."""
    value, outside = argument.value, context.environment.outside
    is_plain = isinstance(argument.tree, Scalar) and "$" not in argument.tree.text
    if not isinstance(value, Text) or not is_plain or outside is None:
        return ()
    found = outside.environment.find(str(value))
    inner = found[0] if found is not None else None
    if inner is None or isinstance(inner, Failed) or accept(kind, inner) is None:
        return ()
    return (f"for the value of that name write `${value}`",)


def _misspelt_type(parameter: Parameter) -> ParameterType | None:
    """The type that the default of a parameter looks like, or None."""
    default = parameter.default
    if parameter.type is not None or not isinstance(default, Scalar) or default.is_quoted:
        return None
    near = nearest(default.text, ("int", "float", "bool", "str", "layer", "list"))
    return parse_type(near) if near is not None else None


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(value: Value) -> list[float] | None:
    """The numbers that a bound is for: a number or those of a list; a symbolic size has none."""
    elements = value if isinstance(value, tuple) else (value,)
    numbers = [v for v in elements if _is_number(v)]
    others = [v for v in elements if not _is_number(v) and not isinstance(v, Form)]
    return None if others else numbers


def _kind(value: Value) -> str:
    name = type_name(value)
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def names_layer(text: Text, file: SpecFile) -> bool:
    """Whether a text names an op, or a block that the file can use."""
    return str(text) in OPS or file.block(text) is not None


def _declared(span: Span, at: Span) -> tuple[Related, ...]:
    return () if span.source is at.source and span.line == at.line else (
        Related(span, "declared here"),
    )  # fmt: skip


def _article(kind: ParameterType) -> str:
    text = str(kind)
    return f"an {text}" if text[0] in "aeiou" else f"a {text}"
