"""Trees to values: scalars with `$` are evaluated, the rest is what it says."""

from __future__ import annotations

from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.language.calculate import TOO_LARGE, UnknownValue, as_text, calculate
from archc.language.expression import DOLLAR, Mistake, Template
from archc.language.expression_reader import read_template
from archc.language.functions import LENGTH_BOUND, TooLargeError, bounded_nesting
from archc.language.scope import Context
from archc.language.spec import unknown_cause
from archc.language.tree import Mapping, Scalar, Sequence, Tree
from archc.language.values import Argument, LayerValue, Text, Value, describe


class Evaluator:
    """Evaluates trees where they stand, and reports what cannot be evaluated."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def argument(self, tree: Tree, context: Context) -> Argument:
        """The value of a tree with its place."""
        return Argument(self.value(tree, context), tree, context.place(tree.span))

    def value(self, tree: Tree, context: Context) -> Value | Failed:
        """The value of a tree: a scalar's, a tuple for a list, a layer for a mapping."""
        if isinstance(tree, Scalar):
            return self.scalar(tree, context)
        if isinstance(tree, Sequence):
            items = [self.value(item, context) for item in tree.items]
            if any(item is FAILED for item in items):
                return FAILED
            elements = tuple(item for item in items if not isinstance(item, Failed))
            is_flat = not any(isinstance(item, tuple | LayerValue) for item in elements)
            return elements if is_flat else self._bounded(elements, tree, context)
        return self._layer(tree, context)

    def _bounded(self, value: Value, tree: Tree, context: Context) -> Value | Failed:
        try:
            bounded_nesting(value)
        except TooLargeError as error:
            return self._reporter.error(TOO_LARGE, str(error), context.place(tree.span))
        return value

    def scalar(self, scalar: Scalar, context: Context) -> Value | Failed:
        """The value of a scalar."""
        value = scalar.value
        if not isinstance(value, str):
            return value
        if "$" not in value:
            return Text(value, context.origin)
        template = _cut(scalar) if scalar.cut else read_template(value)
        if isinstance(template, Mistake):
            return self._report(template, scalar, context)
        try:
            return self._fill(template, context)
        except Mistake as mistake:
            return self._report(mistake, scalar, context)
        except UnknownValue:
            return FAILED

    def key(self, scalar: Scalar, context: Context) -> str | Failed:
        """The text of a key, which may hold expressions."""
        if "$" not in scalar.text:
            return scalar.text
        value = self.scalar(scalar, context)
        return value if isinstance(value, Failed | Text) else describe(value)

    def _report(self, mistake: Mistake, scalar: Scalar, context: Context) -> Failed:
        place = Place(scalar.part(mistake.start, mistake.end), context.trail)
        cause = unknown_cause(context.origin.file, mistake.unknown) if mistake.unknown else None
        return self._reporter.error(
            mistake.rule, mistake.message, place, helps=mistake.helps, cause=cause
        )

    def _fill(self, template: Template, context: Context) -> Value:
        if len(template) == 1 and not isinstance(template[0], str):
            return calculate(template[0], context)
        text = "".join(p if isinstance(p, str) else as_text(p, context) for p in template)
        if len(text) > LENGTH_BOUND:
            message = f"a text has at most {LENGTH_BOUND} characters"
            raise Mistake(TOO_LARGE, message, 0, len(text))
        return Text(text, context.origin)

    def _layer(self, tree: Mapping, context: Context) -> Value | Failed:
        """A mapping in the place of a value is a layer with its arguments."""
        if not tree.entries:
            return None
        first, *rest = tree.entries
        name = self.scalar(first.key, context)
        if isinstance(name, Failed):
            return FAILED
        arguments: list[tuple[str | None, Argument]] = []
        if isinstance(first.value, Mapping):
            rest = [*first.value.entries, *rest]
        elif not (isinstance(first.value, Scalar) and first.value.is_null):
            arguments.append((None, self.argument(first.value, context)))
        for entry in rest:
            key = self.key(entry.key, context)
            argument = self.argument(entry.value, context)
            if isinstance(key, Failed) or isinstance(argument.value, Failed):
                return FAILED
            arguments.append((key, argument))
        if any(argument.value is FAILED for _, argument in arguments):
            return FAILED
        if isinstance(name, LayerValue):
            arguments = [*name.arguments, *arguments]
            name = name.name
        text = name if isinstance(name, Text) else Text(describe(name), context.origin)
        if not arguments:
            return text
        return self._bounded(LayerValue(text, tuple(arguments)), tree, context)


def _cut(scalar: Scalar) -> Mistake:
    """What to say of an expression that YAML has cut into pieces at its commas."""
    message = "this `$(` is not closed in the same value: YAML ends it at the comma"
    quote = "'" if '"' in scalar.cut else '"'
    return Mistake(DOLLAR, message, 0, len(scalar.text), (f"quote it: {quote}{scalar.cut}{quote}",))
