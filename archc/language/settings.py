"""What the caller sets, `--set KEY=VALUE` or Python values, as values of the language."""

from __future__ import annotations

from archc.diagnostics.place import Place
from archc.language.library import nowhere
from archc.language.scope import Origin
from archc.language.spec import SpecFile
from archc.language.tree import Entry, Mapping, Scalar, Sequence, Tree
from archc.language.values import Argument, LayerValue, Text, Value, describe


def literal(tree: Tree, spec: SpecFile) -> Argument:
    """The value of a tree in which `$` means nothing; layers are looked up in the spec's file."""
    return Argument(_literal(tree, Origin(spec, None)), tree, Place(tree.span))


def _literal(tree: Tree, origin: Origin) -> Value:
    if isinstance(tree, Scalar):
        return Text(tree.value, origin) if isinstance(tree.value, str) else tree.value
    if isinstance(tree, Sequence):
        return tuple(_literal(item, origin) for item in tree.items)
    return _literal_layer(tree, origin)


def _literal_layer(tree: Mapping, origin: Origin) -> Value:
    if not tree.entries:
        return None
    first, *rest = tree.entries
    arguments: list[tuple[str | None, Argument]] = []
    if isinstance(first.value, Mapping):
        rest = [*first.value.entries, *rest]
    elif not (isinstance(first.value, Scalar) and first.value.is_null):
        arguments.append((None, _argument(first.value, origin)))
    arguments += [(e.key.text, _argument(e.value, origin)) for e in rest]
    name = Text(first.key.text, origin)
    return LayerValue(name, tuple(arguments)) if arguments else name


def _argument(tree: Tree, origin: Origin) -> Argument:
    return Argument(_literal(tree, origin), tree, Place(tree.span))


def to_tree(value: object, name: str) -> Tree:
    """A Python value as a tree: numbers, bools, strings, lists, and dictionaries for layers.

    Raises:
        TypeError: for anything else.
    """
    span = nowhere(name).span
    if isinstance(value, dict):
        from_items = ((to_tree(k, name), to_tree(v, name)) for k, v in value.items())
        return Mapping(tuple(_entry(k, v) for k, v in from_items), span)
    if isinstance(value, list | tuple):
        return Sequence(tuple(to_tree(v, name) for v in value), span)
    if value is None or isinstance(value, bool | int | float | str):
        text = value if isinstance(value, str) else describe(value)
        return Scalar(value, text, span, is_quoted=isinstance(value, str))
    raise TypeError(f"`{name}` takes numbers, bools, strings, lists and layers")


def _entry(key: Tree, value: Tree) -> Entry:
    if not isinstance(key, Scalar):
        raise TypeError("a layer's name is a string")
    return Entry(key, value)
