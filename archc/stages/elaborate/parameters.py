"""Parameters to values: defaults, then the variant, then what the caller gives."""

from __future__ import annotations

from collections.abc import Mapping

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.place import Place, Span
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.language.evaluate import Evaluator
from archc.language.parameter_type import ParameterType, accept, type_of
from archc.language.scope import Context
from archc.language.spec import Parameter, SpecFile
from archc.language.tree import Entry, Tree
from archc.language.values import Argument, Text, Value, describe, type_name
from archc.layers.catalog import OPS

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


class Binder:
    """Binds parameters and `let` names, in the order written."""

    def __init__(self, evaluator: Evaluator, reporter: Reporter) -> None:
        self._evaluator = evaluator
        self._reporter = reporter

    def bind(
        self,
        params: Mapping[str, Parameter],
        given: Mapping[str, Argument],
        context: Context,
        values: dict[str, Value | Failed],
        missing: Place,
        what: str,
    ) -> None:
        """Puts the value of each parameter into `values`, which the context's names include.

        `missing` is marked where a required parameter has no value; `what` names the owner.
        """
        for name, parameter in params.items():
            argument = given.get(name)
            if argument is not None:
                values[name] = self._given(parameter, argument, context, what)
            elif parameter.default is not None:
                argument = self._evaluator.argument(parameter.default, context)
                values[name] = self._check(parameter, parameter.type, argument, context, what)
            elif parameter.type is None:
                values[name] = FAILED  # its declaration is reported
            else:
                message = f"{what} needs `{name}`, {_article(parameter.type)}"
                related = (Related(parameter.span, "declared without a default"),)
                values[name] = self._reporter.error(
                    REQUIRED, message, missing, related=related, helps=(f"add `{name}: …`",)
                )

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

    def _given(
        self, parameter: Parameter, argument: Argument, context: Context, what: str
    ) -> Value | Failed:
        kind = parameter.type
        if kind is None and parameter.default is not None:
            kind = self._default_type(parameter.default, context)
        return self._check(parameter, kind, argument, context, what)

    def _default_type(self, default: Tree, context: Context) -> ParameterType | None:
        """The type that a default gives, where it can be evaluated; its mistakes show when used."""
        value = Evaluator(Reporter()).value(default, context)
        if isinstance(value, Failed) or value is None:
            return None
        return type_of(value, lambda text: names_layer(text, context.file))

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
                return self._mistyped(parameter, kind, argument, what)
            value = accepted[0]
        return self._in_range(parameter, value, argument, context)

    def _mistyped(
        self, parameter: Parameter, kind: ParameterType, argument: Argument, what: str
    ) -> Failed:
        found = f"{type_name(argument.value)} `{describe(argument.value)}`"
        message = f"`{parameter.name}` of {what} is {_article(kind)}, not the {found}"
        return self._reporter.error(
            TYPE, message, argument.place, related=_declared(parameter.span, argument.place.span)
        )

    def _in_range(
        self, parameter: Parameter, value: Value, argument: Argument, context: Context
    ) -> Value | Failed:
        for bound, words in ((parameter.minimum, "at least"), (parameter.maximum, "at most")):
            if bound is None:
                continue
            limit = self._evaluator.value(bound, context)
            if isinstance(limit, Failed):
                return FAILED
            is_number = isinstance(limit, int | float) and not isinstance(limit, bool)
            if not is_number or not isinstance(value, int | float):
                message = f"`{describe(limit)}` does not bound a {type_name(value)}"
                return self._reporter.error(BOUND, message, context.place(bound.span))
            assert isinstance(limit, int | float)
            if value < limit if words == "at least" else value > limit:
                message = f"`{parameter.name}` is {words} {limit}, not {describe(value)}"
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
