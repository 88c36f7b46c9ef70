"""Tree to spec: the envelope is checked, arguments stay trees.

Input: the `Tree` of a file, and a way to import others. Output: its `SpecFile`. Afterwards: every
top-level key is known and of the right kind, blocks and parameters are declared properly, and
every imported block is at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place, Source
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.language.parameter_type import parse_type
from archc.language.spec import (
    LANGUAGE_VERSION,
    RESERVED_PARAMETERS,
    Block,
    Parameter,
    SpecFile,
    Variant,
)
from archc.language.tree import Entry, Mapping, Scalar, Sequence, Tree, kind_of, shown

Importer: TypeAlias = Callable[[Scalar], SpecFile | Failed]

VERSION = Rule(
    "spec/version", "the language version is missing or unknown",
    "`archc: 1` says by which rules a spec is read, so that it means the same for ever",
)  # fmt: skip
NO_MAPPING = Rule("spec/no-mapping", "a part of the spec is no mapping", "its keys name its parts")
WRONG_KIND = Rule("spec/wrong-kind", "a part of the spec has the wrong form", "see the language")
UNKNOWN_KEY = Rule(
    "spec/unknown-key", "a key is unknown here", "a misspelt key would be passed over in silence"
)
MISSING_KEY = Rule("spec/missing-key", "a required key is missing", "nothing stands in for it")
NAME = Rule(
    "spec/name", "a name has characters that names do not have",
    "names become parts of paths and of weights' names",
)  # fmt: skip
RESERVED = Rule(
    "spec/reserved-name", "a reserved word is used as a name", "it would hide what the word means"
)
PARAMETER = Rule(
    "params/declaration", "a parameter is not declared properly", "its type says what it takes"
)
BLOCK_TWICE = Rule(
    "imports/block-twice", "two files define the same block", "which one is meant is not known"
)
NETWORK_IMPORT = Rule(
    "imports/reserved", "a mapping of imports is reserved", "a later version imports networks so"
)

_KEYS = (
    "archc", "name", "description", "source", "license", "imports", "params", "variants", "let",
    "input", "preprocess", "blocks", "layers", "outputs", "labels", "weights", "expect",
)  # fmt: skip
_LIBRARY_KEYS = frozenset(
    ("archc", "name", "description", "source", "license", "imports", "params", "let", "blocks")
)
_TEXTS = ("description", "source", "license")
_MAPPINGS = ("input", "preprocess", "outputs", "weights", "expect")
_PARAMETER_KEYS = ("type", "default", "min", "max", "choices", "help")
_BLOCK_KEYS = ("params", "let", "layers", "description")


def read(source: Source, tree: Tree, reporter: Reporter, importer: Importer) -> SpecFile | Failed:
    """The spec file that a tree is.

    Reports:
        spec/version, spec/no-mapping, spec/wrong-kind, spec/unknown-key, spec/missing-key,
        spec/name, spec/reserved-name, params/declaration, imports/block-twice, imports/reserved.
    """
    return _Reader(source, reporter, importer).file(tree)


def is_name(text: str) -> bool:
    """Whether a text is a name: letters, digits, `_` and `-`."""
    return bool(text) and all(c.isascii() and (c.isalnum() or c in "_-") for c in text)


class _Reader:
    def __init__(self, source: Source, reporter: Reporter, importer: Importer) -> None:
        self._source = source
        self._reporter = reporter
        self._import = importer

    def _error(self, rule: Rule, message: str, tree: Tree, *helps: str, label: str = "") -> Failed:
        return self._reporter.error(rule, message, Place(tree.span), helps=helps, label=label)

    def file(self, tree: Tree) -> SpecFile | Failed:
        if not isinstance(tree, Mapping):
            return self._error(
                NO_MAPPING, f"a spec is a mapping, not {kind_of(tree)}", tree,
                "begin with `archc: 1` and `name: …`",
            )  # fmt: skip
        if not self._version(tree):
            return FAILED
        self._known_keys(tree, _KEYS, "a spec")
        file = SpecFile(self._source, "", tree.span)
        file.name = self._name(tree)
        for entry in tree:
            self._part(file, entry)
        self._own_and_imported(file)
        if file.layers is None:
            self._library(tree)
        elif file.input is None:
            self._error(
                MISSING_KEY, "`input` is missing", tree.entries[0].key,
                "add `input: {image: [3, 224, 224]}`",
            )  # fmt: skip
        return file

    def _version(self, tree: Mapping) -> bool:
        entry = tree.get("archc")
        if entry is None:
            at = tree.entries[0].key if tree.entries else tree
            self._error(
                VERSION, "the key `archc` is missing", at, f"begin with `archc: {LANGUAGE_VERSION}`"
            )
            return False
        version = entry.value
        if isinstance(version, Scalar) and version.value == LANGUAGE_VERSION:
            return True
        self._error(
            VERSION, f"{kind_of(version)} is no known version of the language", version,
            f"write `archc: {LANGUAGE_VERSION}`",
        )  # fmt: skip
        return False

    def _known_keys(self, tree: Mapping, known: Iterable[str], what: str) -> None:
        names = tuple(known)
        for entry in tree:
            if entry.key.text not in names:
                message = f"`{shown(entry.key.text)}` is no key of {what}"
                helps = did_you_mean(entry.key.text, names) or (f"keys are {', '.join(names)}",)
                self._error(UNKNOWN_KEY, message, entry.key, *helps)

    def _name(self, tree: Mapping) -> str:
        entry = tree.get("name")
        if entry is None:
            self._error(MISSING_KEY, "`name` is missing", tree.entries[0].key, "add `name: …`")
            return "unnamed"
        text = entry.value.text if isinstance(entry.value, Scalar) else ""
        if not is_name(text):
            self._bad_name(text or kind_of(entry.value), entry.value)
        return text

    def _bad_name(self, text: str, tree: Tree) -> Failed:
        message = f"`{shown(text)}` is no name: names have letters, digits, `_` and `-`"
        return self._error(NAME, message, tree)

    def _part(self, file: SpecFile, entry: Entry) -> None:
        key, value = entry.key.text, entry.value
        if key in _TEXTS:
            if not isinstance(value, Scalar):
                self._wrong(entry, "a text")
            elif key == "description":
                file.description = value.text
        elif key in _MAPPINGS:
            found = self._mapping(value, key)
            if found is not None:
                setattr(file, key, found)
        else:
            self._declarations(file, entry)

    def _declarations(self, file: SpecFile, entry: Entry) -> None:
        value = entry.value
        match entry.key.text:
            case "imports":
                self._imports(file, entry)
            case "params":
                file.params = self._params(value)
            case "variants":
                file.variants = self._variants(value)
            case "let":
                file.let = self._let(value)
            case "blocks":
                self._blocks(file, value)
            case "layers" if self._is_sequence(value, "layers"):
                file.layers = value
            case "labels":
                file.labels = value

    def _wrong(self, entry: Entry, wanted: str) -> Failed:
        message = f"`{entry.key.text}` is {wanted}, not {kind_of(entry.value)}"
        at = entry.key if isinstance(entry.value, Scalar) and entry.value.is_null else entry.value
        return self._error(WRONG_KIND, message, at)

    def _mapping(self, tree: Tree, what: str) -> Mapping | None:
        if isinstance(tree, Mapping):
            return tree
        self._error(NO_MAPPING, f"`{what}` is a mapping, not {kind_of(tree)}", tree)
        return None

    def _is_sequence(self, tree: Tree, what: str) -> bool:
        if isinstance(tree, Scalar):
            message = f"`{what}` is a list or a mapping of layers, not {kind_of(tree)}"
            self._error(WRONG_KIND, message, tree)
            return False
        return True

    def _imports(self, file: SpecFile, entry: Entry) -> None:
        tree = entry.value
        if isinstance(tree, Mapping):
            message = "`imports` is a list: a mapping is reserved for whole networks"
            self._error(NETWORK_IMPORT, message, tree, "write `imports: [blocks.yaml]`")
            return
        if not isinstance(tree, Sequence):
            self._wrong(entry, "a list of spec files")
            return
        origin: dict[str, Scalar] = {}
        for item in tree.items:
            if not isinstance(item, Scalar):
                self._error(WRONG_KIND, f"an import is a spec file, not {kind_of(item)}", item)
                continue
            imported = self._import(item)
            if isinstance(imported, Failed):
                continue
            file.files.append(imported)
            for name, block in imported.blocks.items():
                if name in origin:
                    related = (Related(origin[name].span, "imported here first"),)
                    self._twice(name, item, related)
                origin[name] = item
                file.imported.setdefault(name, block)

    def _twice(self, name: str, at: Scalar, related: tuple[Related, ...]) -> None:
        self._reporter.error(
            BLOCK_TWICE, f"the block `{name}` is defined by two imports", Place(at.span),
            related=related, helps=("rename one of them",),
        )  # fmt: skip

    def _let(self, tree: Tree) -> tuple[Entry, ...]:
        found = self._mapping(tree, "let")
        entries = found.entries if found is not None else ()
        for entry in entries:
            self._binding_name(entry.key)
        return entries

    def _binding_name(self, key: Scalar) -> None:
        """Checks a name that expressions use: an identifier, and not `input`."""
        if key.text == "input":
            self._error(RESERVED, "no parameter or name may be called `input`", key)
        elif not key.text.isidentifier():
            message = f"`{shown(key.text)}` is no name that an expression can use"
            self._error(NAME, message, key, "begin with a letter; letters, digits and `_` follow")

    def _params(self, tree: Tree, *, in_block: bool = False) -> dict[str, Parameter]:
        found = self._mapping(tree, "params")
        params: dict[str, Parameter] = {}
        for entry in found.entries if found is not None else ():
            name = entry.key.text
            self._binding_name(entry.key)
            if in_block and name in RESERVED_PARAMETERS - {"input"}:
                message = f"`{name}` is a word of the language and no parameter of a block"
                self._error(RESERVED, message, entry.key)
            if not in_block and name in ("expect", "description"):
                message = f"no parameter may be called `{name}`: a variant uses the word"
                self._error(RESERVED, message, entry.key)
            params[name] = self._parameter(entry)
        return params

    def _parameter(self, entry: Entry) -> Parameter:
        name, value = entry.key.text, entry.value
        if isinstance(value, Mapping):
            return self._long_parameter(entry, value)
        if isinstance(value, Scalar):
            if value.is_null:
                message = f"`{name}` has neither a type nor a default: null is no value"
                self._error(PARAMETER, message, entry.key, f"write `{name}: int` or a default")
            declared = parse_type(value.text) if isinstance(value.value, str) else None
            if declared is not None:
                return Parameter(name, entry.key.span, declared, None)
        return Parameter(name, entry.key.span, None, value)

    def _long_parameter(self, entry: Entry, tree: Mapping) -> Parameter:
        name = entry.key.text
        if "type" not in tree.names and "default" not in tree.names:
            message = f"`{name}` has neither `type` nor `default`"
            help_text = f"a layer as a default is written `{name}: {{default: …}}`"
            self._error(PARAMETER, message, tree, help_text)
            return Parameter(name, entry.key.span, None, None)
        self._known_keys(tree, _PARAMETER_KEYS, "a parameter")
        parts = {e.key.text: e.value for e in tree}
        declared = None
        kind = parts.get("type")
        if kind is not None:
            text = kind.text if isinstance(kind, Scalar) else ""
            declared = parse_type(text)
            if declared is None:
                message = f"{kind_of(kind)} is no type"
                types = ("int", "float", "bool", "str", "layer", "list", "list of int")
                helps = did_you_mean(text, types) or (
                    "types are int, float, bool, str, layer, list, `list of T` and `T or U`",
                )
                self._error(PARAMETER, message, kind, *helps)
        default = parts.get("default")
        if isinstance(default, Scalar) and default.is_null:
            self._error(PARAMETER, f"the default of `{name}` is null, which is no value", default)
            default = None
        choices = parts.get("choices")
        if choices is not None and not isinstance(choices, Sequence):
            self._error(PARAMETER, f"`choices` is a list, not {kind_of(choices)}", choices)
            choices = None
        about = parts.get("help")
        return Parameter(
            name, entry.key.span, declared, default, parts.get("min"), parts.get("max"), choices,
            about.text if isinstance(about, Scalar) else "",
        )  # fmt: skip

    def _variants(self, tree: Tree) -> dict[str, Variant]:
        found = self._mapping(tree, "variants")
        variants: dict[str, Variant] = {}
        for entry in found.entries if found is not None else ():
            name = entry.key.text
            if not is_name(name):
                self._bad_name(name, entry.key)
            values = self._mapping(entry.value, name)
            if values is None:
                continue
            expect = values.get("expect")
            about = values.get("description")
            variants[name] = Variant(
                name, entry.key.span,
                tuple(e for e in values if e.key.text not in ("expect", "description")),
                self._mapping(expect.value, "expect") if expect is not None else None,
                about.value.text if about and isinstance(about.value, Scalar) else "",
            )  # fmt: skip
        return variants

    def _blocks(self, file: SpecFile, tree: Tree) -> None:
        found = self._mapping(tree, "blocks")
        for entry in found.entries if found is not None else ():
            name = entry.key.text
            if not is_name(name):
                self._bad_name(name, entry.key)
            body = self._mapping(entry.value, name)
            if body is None:
                continue
            self._known_keys(body, _BLOCK_KEYS, "a block")
            params, let, layers = body.get("params"), body.get("let"), body.get("layers")
            if layers is None:
                message = f"the block `{name}` has no `layers`"
                self._error(MISSING_KEY, message, entry.key, "add `layers:` with its layers")
                continue
            if not self._is_sequence(layers.value, "layers"):
                continue
            file.blocks[name] = Block(
                name, entry.key.span,
                self._params(params.value, in_block=True) if params is not None else {},
                self._let(let.value) if let is not None else (),
                layers.value, file,
            )  # fmt: skip

    def _own_and_imported(self, file: SpecFile) -> None:
        for name, block in file.blocks.items():
            imported = file.imported.get(name)
            if imported is not None:
                self._reporter.error(
                    BLOCK_TWICE,
                    f"the block `{name}` is defined here and by an import",
                    Place(block.span),
                    related=(Related(imported.span, "imported from here"),),
                    helps=("rename one of them",),
                )

    def _library(self, tree: Mapping) -> None:
        if tree.get("layers") is not None:
            return
        if tree.get("blocks") is None:
            self._error(
                MISSING_KEY, "neither `layers` nor `blocks` is here", tree.entries[0].key,
                "a network has `layers`, a library has `blocks`",
            )  # fmt: skip
        for entry in tree:
            if entry.key.text in _KEYS and entry.key.text not in _LIBRARY_KEYS:
                message = f"`{entry.key.text}` stands in a file without `layers`"
                self._error(MISSING_KEY, message, entry.key, "add `layers`, or leave it out")
