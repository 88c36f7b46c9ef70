"""Layers as JSON Schema: what stands where a layer, an item of a list, or a branch does.

Which key of a mapping is the op depends on their order, which a schema does not see, and blocks may
have any names. So a mapping is taken as a use of an op where all its other keys are that op's
arguments, modifiers, other ops, or what looks like one of its arguments, misspelt or not written to
its end; then the op's own schema decides. Anything else may be a block with a parameter of that
name.
"""

from __future__ import annotations

from collections.abc import Iterable

from archc.editor.json_schema_arguments import (
    EVALUATED,
    PATH,
    Schema,
    closed,
    described,
    model_properties,
    or_expression,
    ref,
)
from archc.editor.language_docs import CONTROL_KEYS, MODIFIERS
from archc.editor.misspellings import looks_like
from archc.editor.op_docs import op_docs
from archc.language.spec import MODIFIERS as MODIFIER_NAMES
from archc.layers.catalog import layer_class, op_names

NAME = rf"^[A-Za-z0-9_-]+$|{EVALUATED}"

_CONTROL_WORDS = ("do", "for", "in", "if", "else")
_LONG_BRANCH = ("layers", "from", "when")


def layer_definitions() -> dict[str, Schema]:
    """The definitions of layers, of what they stand in, and of all ops, by name."""
    found = {
        "sequence": {"title": "layers", "anyOf": [_list_of("item"), _mapping_of("layer")]},
        "layer": _layer("named_layer"),
        "item": {
            "if": _has_any(_CONTROL_WORDS),
            "then": ref("control"),
            "else": _layer("layer_with_arguments"),
        },
        "named_layer": {
            "propertyNames": {"not": {"enum": [*_CONTROL_WORDS, "name", "repeat", "first"]}},
            "allOf": [ref("layer_with_arguments")],
        },
        "layer_with_arguments": _layer_with_arguments(),
        "scope": closed({**_modifiers(), "layers": _said("layers", ref("sequence"))}),
        "block_or_word": _block_or_word(),
        "op_name": {"enum": list(op_names())},
        "op_word": _op_word(),
        "control": _control(ref("sequence")),
        "branch_control": _control(_list_of("branch")),
        "branches": _list_of("branch"),
        "branch": _branch(),
        "condition": or_expression({"type": "boolean"}),
        "count": or_expression({"type": "integer", "minimum": 0}),
        "like_modifier": looks_like(MODIFIER_NAMES),
    }
    for op in op_names():
        found |= _op(op)
    arguments = {name for op in op_names() for name in _arguments(op)}
    return found | {f"like_{name}": looks_like((name,)) for name in sorted(arguments)}


def _has_any(words: Iterable[str]) -> Schema:
    return {"type": "object", "anyOf": [{"required": [word]} for word in words]}


def _list_of(definition: str) -> Schema:
    return {"type": "array", "items": ref(definition)}


def _mapping_of(definition: str) -> Schema:
    return {
        "type": "object",
        "propertyNames": {"pattern": NAME},
        "additionalProperties": ref(definition),
    }


def _said(word: str, schema: Schema) -> Schema:
    """A schema with what the language says of a word that stands beside layers."""
    return {**described(MODIFIERS[word]), "allOf": [schema]}


def _modifiers() -> dict[str, Schema]:
    kinds = {
        "when": ref("condition"),
        "from": or_expression(PATH),
        "weights": or_expression(PATH),
        "name": or_expression(PATH),
        "repeat": ref("count"),
        "first": {"type": "object"},
    }
    return {name: _said(name, kinds[name]) for name in MODIFIER_NAMES}


def _layer(with_arguments: str) -> Schema:
    return {
        "anyOf": [
            {"type": "object", "minProperties": 1, "allOf": [ref(with_arguments)]},
            _list_of("item"),
            ref("op_word"),
            {"type": "string", "pattern": NAME},
        ]
    }


def _op_word() -> Schema:
    """An op with its defaults, each said by itself, so that an editor shows what it is."""
    words = [{"const": op, **described(op_docs(op).about)} for op in op_names()]
    return {"anyOf": words}


def _layer_with_arguments() -> Schema:
    """One `if` asks whether any op is there at all, so that most are not asked for one by one.

    It asks with `required`: editors complete what the branches hold where the answer to that is no
    yet, and do not behind a `not` or `propertyNames`.
    """
    return {
        "if": {"required": ["layers"]},
        "then": ref("scope"),
        "else": {
            "if": {"anyOf": [{"required": [op]} for op in op_names()]},
            "then": {"allOf": [_rule(op) for op in op_names()]},
            "else": ref("block_or_word"),
        },
    }


def _rule(op: str) -> Schema:
    """The schema of an op, where a mapping with its name is a use of it."""
    arguments = _arguments(op)
    others = [name for name in op_names() if op not in _arguments(name)]
    words = [*dict.fromkeys((op, *arguments))]
    others_are: Schema = {"enum": others}
    if len(others) == len(op_names()):
        others_are = ref("op_name")
    looks = [ref(f"like_{name}") for name in arguments]
    names = {"anyOf": [{"enum": words}, ref("like_modifier"), *looks, others_are]}
    return {
        "if": {"required": [op]},
        "then": {"if": {"propertyNames": names}, "then": ref(op)},
    }


def _arguments(op: str) -> tuple[str, ...]:
    docs = op_docs(op)
    return ("branches", *docs.arguments) if docs.takes_branches else tuple(docs.arguments)


def _op(op: str) -> dict[str, Schema]:
    """The definitions of an op: its arguments, and a layer with them."""
    cls = layer_class(op)
    arguments = model_properties(cls, cls.path_argument)
    if cls.takes_branches:
        arguments = {"branches": _said("branches", ref("branches")), **arguments}
    inside = f"{op}_arguments"
    principal = next(iter(arguments.values()), {})
    values = principal.get("anyOf") or principal.get("allOf") or []
    use = {
        **described(op_docs(op).about),
        "anyOf": [*values, ref(inside), {"type": "null"}],
    }
    beside = {name: ref(f"{inside}/properties/{name}") for name in arguments}
    modifiers = {**_modifiers(), "first": _said("first", ref(inside))}
    layer = {
        "type": "object",
        "properties": {op: use, **{n: s for n, s in beside.items() if n != op}, **modifiers},
        "additionalProperties": False,
    }
    return {op: layer, inside: closed(arguments, title="arguments")}


def _block_or_word() -> Schema:
    """A use of something that is no op: a block, or a parameter; ops are named to be proposed."""
    ops: dict[str, Schema] = {op: ref(f"{op}/properties/{op}") for op in op_names()}
    return {"type": "object", "properties": {**ops, **_modifiers()}}


def _control(body: Schema) -> Schema:
    heads = ("repeat", "for", "if")
    both = [{"required": [a, b]} for i, a in enumerate(heads) for b in heads[i + 1 :]]
    loop_name = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}
    kinds: dict[str, Schema] = {
        "for": {"anyOf": [loop_name, {"type": "array", "items": loop_name}]},
        "in": or_expression({"type": "array"}),
        "repeat": ref("count"),
        "if": ref("condition"),
        "do": body,
        "else": body,
        "when": ref("condition"),
    }
    return {
        "type": "object",
        "properties": {
            word: {**described(CONTROL_KEYS[word]), "allOf": [kind]} for word, kind in kinds.items()
        },
        "additionalProperties": False,
        "required": ["do"],
        "dependencies": {"for": ["in"], "in": ["for"], "else": ["if"]},
        "not": {"anyOf": both},
    }


def _branch() -> Schema:
    long = {word: _modifiers().get(word, ref("sequence")) for word in _LONG_BRANCH}
    is_long = {"type": "object", "propertyNames": {"enum": list(_LONG_BRANCH)}}
    return {
        "if": _has_any(("do",)),
        "then": ref("branch_control"),
        "else": {
            "if": is_long,
            "then": {"minProperties": 1, "properties": long},
            "else": ref("sequence"),
        },
    }
