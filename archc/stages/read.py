"""Tree to spec: the envelope is checked, arguments stay trees.

Input: the `Tree` of a file. Output: its `SpecFile`, to be linked with those that it imports.
Afterwards: every top-level key is known and of the right kind, blocks and parameters are declared
properly, and, once linked, every imported block is at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.nearest import did_you_mean, nearest
from archc.diagnostics.place import Place, Source
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.language.lost_indent import put_under
from archc.language.parameter_type import parse_type
from archc.language.spec import (
    LANGUAGE_VERSION,
    RESERVED_PARAMETERS,
    Block,
    Parameter,
    SpecFile,
    Variant,
)
from archc.language.tree import (
    Entry,
    Mapping,
    Scalar,
    Sequence,
    Tree,
    is_name,
    kind_of,
    name_help,
    shown,
    written,
)

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
SELF_IMPORT = Rule(
    "imports/itself", "a file imports itself", "its own blocks are at hand without an import"
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
_OWNERS = ("params", "variants", "let", "input", "blocks", "layers", "outputs")
"""Keys whose values are mappings of names that the user gives."""

_PARAMETER_KEYS = ("type", "default", "min", "max", "choices", "help")
_BLOCK_KEYS = ("params", "let", "layers", "description")


def read(source: Source, tree: Tree, reporter: Reporter) -> SpecFile | Failed:
    """The spec file that a tree is, its imports not yet linked.

    Reports:
        spec/version, spec/no-mapping, spec/wrong-kind, spec/unknown-key, spec/missing-key,
        spec/name, spec/reserved-name, params/declaration, imports/reserved.
    """
    return _Reader(source, reporter).file(tree)


def link(
    file: SpecFile, found: Iterable[tuple[Scalar, SpecFile | Failed]], reporter: Reporter
) -> None:
    """Puts the blocks of imported files into a file, beside its own.

    Reports:
        imports/itself, imports/block-twice.
    """
    origin: dict[str, Scalar] = {}
    for item, imported in found:
        if isinstance(imported, Failed):
            file.lacks_imports = True
            continue
        if imported is file:
            message = "a file needs no import of itself"
            reporter.error(SELF_IMPORT, message, Place(item.span), helps=("leave it out",))
            continue
        if imported not in file.files:
            file.files.append(imported)
        for name, block in imported.blocks.items():
            if name in file.blocks:
                related = Related(file.blocks[name].span, "defined here")
                message = f"the block `{name}` is defined here and by the import `{item.text}`"
                _twice(message, item, related, reporter)
            elif name in origin:
                related = Related(origin[name].span, "imported here first")
                message = f"the block `{name}` is defined by two imports"
                _twice(message, item, related, reporter)
            origin.setdefault(name, item)
            file.imported.setdefault(name, block)


def _twice(message: str, at: Scalar, related: Related, reporter: Reporter) -> None:
    helps = ("rename one of them",)
    reporter.error(BLOCK_TWICE, message, Place(at.span), related=(related,), helps=helps)


def _shown_part(entry: Entry) -> Tree:
    """What to mark of an entry whose value is wrong: the key where there is no value to see."""
    is_null = isinstance(entry.value, Scalar) and entry.value.is_null
    return entry.key if is_null else entry.value


def _is_misspelt(key: str, tree: Mapping, known: tuple[str, ...]) -> bool:
    """Whether an unknown key, which is reported, was meant to be this one."""
    return any(nearest(e.key.text, known) == key for e in tree if e.key.text not in known)


def _is_foreign(key: str, known: tuple[str, ...]) -> bool:
    """Whether a key is none of the known ones, nor one misspelt."""
    return key not in known and nearest(key, known) is None


class _Reader:
    def __init__(self, source: Source, reporter: Reporter) -> None:
        self._source = source
        self._reporter = reporter

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
        tree = self._indented(tree, _OWNERS.__contains__, lambda key: _is_foreign(key, _KEYS))
        self._known_keys(tree, _KEYS, "a spec")
        named = tree.get("name")
        file = SpecFile(self._source, "", (named.value if named else tree.entries[0].key).span)
        file.name = self._name(tree)
        for entry in tree:
            self._part(file, entry)
        if tree.get("layers") is None:
            self._library(tree)
        elif tree.get("input") is None and not _is_misspelt("input", tree, _KEYS):
            self._error(
                MISSING_KEY, "`input` is missing", tree.entries[0].key,
                "add `input: {image: [3, 224, 224]}`",
            )  # fmt: skip
        return file

    def _version(self, tree: Mapping) -> bool:
        """Whether the rest can be read, also where the version is yet to be added."""
        entry = tree.get("archc")
        if entry is None:
            at = tree.entries[0].key if tree.entries else tree
            is_spec = not {"layers", "blocks"}.isdisjoint(tree.names)
            if not (is_spec and _is_misspelt("archc", tree, _KEYS)):
                message = "the key `archc` is missing"
                self._error(VERSION, message, at, f"begin with `archc: {LANGUAGE_VERSION}`")
            return is_spec
        version = entry.value
        is_number = isinstance(version, Scalar) and not isinstance(version.value, bool)
        if is_number and isinstance(version, Scalar) and version.value == LANGUAGE_VERSION:
            return True
        self._error(
            VERSION, f"{kind_of(version)} is no known version of the language", version,
            f"write `archc: {LANGUAGE_VERSION}`",
        )  # fmt: skip
        return False

    def _indented(
        self, tree: Mapping, owns: Callable[[str], bool], is_stray: Callable[[str], bool]
    ) -> Mapping:
        """A mapping with the entries that lost their indentation where they belong."""
        tree, strays = put_under(tree, owns, is_stray)
        for stray in strays:
            key, under = stray.entries[0].key, shown(stray.under.text)
            self._reporter.error(
                UNKNOWN_KEY, f"`{shown(key.text)}` stands beside `{under}`, not under it",
                Place(key.span), helps=(stray.help,),
                related=(Related(stray.under.span, "this is left empty"),),
            )  # fmt: skip
        return tree

    def _known_keys(self, tree: Mapping, known: Iterable[str], what: str) -> Failed | None:
        failed: Failed | None = None
        names = tuple(known)
        for entry in tree:
            if entry.key.text not in names:
                message = f"`{shown(entry.key.text)}` is no key of {what}"
                helps = did_you_mean(entry.key.text, names) or (f"keys are {', '.join(names)}",)
                failed = self._error(UNKNOWN_KEY, message, entry.key, *helps)
        return failed

    def _name(self, tree: Mapping) -> str:
        entry = tree.get("name")
        if entry is None:
            if not _is_misspelt("name", tree, _KEYS):
                self._error(MISSING_KEY, "`name` is missing", tree.entries[0].key, "add `name: …`")
            return "unnamed"
        text = entry.value.text if isinstance(entry.value, Scalar) else ""
        if not is_name(text):
            self._bad_name(text or kind_of(entry.value), entry.value)
        return text

    def _bad_name(self, text: str, tree: Tree) -> Failed:
        message = f"`{shown(text)}` is no name: names have letters, digits, `_` and `-`"
        helps = name_help(tree.text) if isinstance(tree, Scalar) else ()
        return self._error(NAME, message, tree, *helps)

    def _part(self, file: SpecFile, entry: Entry) -> None:
        key, value = entry.key.text, entry.value
        if key in _TEXTS:
            if not isinstance(value, Scalar):
                self._wrong(entry, "a text")
            elif key == "description":
                file.description = value.text
        elif key in _MAPPINGS:
            found = self._mapping(entry)
            if found is not None:
                setattr(file, key, found)
        else:
            self._declarations(file, entry)

    def _declarations(self, file: SpecFile, entry: Entry) -> None:
        match entry.key.text:
            case "imports":
                self._imports(file, entry)
            case "params":
                file.params = self._params(entry)
            case "variants":
                file.variants = self._variants(entry)
            case "let":
                file.let = self._let(entry)
            case "blocks":
                self._blocks(file, entry)
            case "layers" if self._is_sequence(entry):
                file.layers = entry.value
            case "labels":
                file.labels = entry.value

    def _wrong(self, entry: Entry, wanted: str, *helps: str) -> Failed:
        message = f"`{entry.key.text}` is {wanted}, not {kind_of(entry.value)}"
        return self._error(WRONG_KIND, message, _shown_part(entry), *helps)

    def _mapping(self, entry: Entry) -> Mapping | None:
        """The value of an entry, which must be a mapping."""
        if isinstance(entry.value, Mapping):
            return entry.value
        message = f"`{shown(entry.key.text)}` is a mapping, not {kind_of(entry.value)}"
        is_null = isinstance(entry.value, Scalar) and entry.value.is_null
        helps = ("leave the key out, or write `{}`",) if is_null else ()
        if entry.key.text == "input" and isinstance(entry.value, Sequence):
            helps = (f"name the input: `input: {{image: {shown(written(entry.value))}}}`",)
        self._error(NO_MAPPING, message, _shown_part(entry), *helps)
        return None

    def _is_sequence(self, entry: Entry) -> bool:
        if isinstance(entry.value, Scalar):
            is_text = isinstance(entry.value.value, str)
            helps = (f"write `[{shown(entry.value.text)}]`",) if is_text else ()
            self._wrong(entry, "a list or a mapping of layers", *helps)
            return False
        return True

    def _imports(self, file: SpecFile, entry: Entry) -> None:
        tree = entry.value
        if isinstance(tree, Mapping):
            message = "`imports` is a list: a mapping is reserved for whole networks"
            listed = shown(", ".join(written(e.value) for e in tree))
            self._error(NETWORK_IMPORT, message, tree, f"write `imports: [{listed}]`")
            file.lacks_imports = True
            return
        if not isinstance(tree, Sequence):
            self._wrong(entry, "a list of spec files")
            return
        for item in tree.items:
            if not isinstance(item, Scalar) or item.is_null:
                self._error(WRONG_KIND, f"an import is a spec file, not {kind_of(item)}", item)
        names = (item for item in tree.items if isinstance(item, Scalar) and not item.is_null)
        file.imports = tuple(names)

    def _let(self, let: Entry) -> tuple[Entry, ...]:
        found = self._mapping(let)
        entries = found.entries if found is not None else ()
        return tuple(entry for entry in entries if self._binding_name(entry.key))

    def _binding_name(self, key: Scalar) -> bool:
        """Whether a name is one that expressions use: an identifier, and not `input`."""
        if key.text == "input":
            self._error(RESERVED, "no parameter or name may be called `input`", key)
        elif not (key.text.isidentifier() and key.text.isascii()):
            message = f"`{shown(key.text)}` is no name that an expression can use"
            self._error(NAME, message, key, "begin with a letter; letters, digits and `_` follow")
        else:
            return True
        return False

    def _params(self, declared: Entry, *, in_block: bool = False) -> dict[str, Parameter]:
        found = self._mapping(declared)
        params: dict[str, Parameter] = {}
        for entry in found.entries if found is not None else ():
            name = entry.key.text
            if not self._binding_name(entry.key):
                continue
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
                return Parameter(name, entry.key.span, None, None)
            declared = parse_type(value.text) if isinstance(value.value, str) else None
            if declared is not None:
                return Parameter(name, entry.key.span, declared, None)
        return Parameter(name, entry.key.span, None, value)

    def _long_parameter(self, entry: Entry, tree: Mapping) -> Parameter:
        name = entry.key.text
        if not {"type", "default"}.intersection(tree.names):
            if any(_is_misspelt(key, tree, _PARAMETER_KEYS) for key in ("type", "default")):
                self._known_keys(tree, _PARAMETER_KEYS, "a parameter")
                return Parameter(name, entry.key.span, None, None)
            message = f"`{name}` has neither `type` nor `default`"
            help_text = f"a layer as a default is written `{name}: {{default: …}}`"
            self._error(PARAMETER, message, tree, help_text)
            return Parameter(name, entry.key.span, None, None)
        if self._known_keys(tree, _PARAMETER_KEYS, "a parameter") and (
            _is_misspelt("default", tree, _PARAMETER_KEYS)
        ):
            return Parameter(name, entry.key.span, None, None)
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
            return Parameter(name, entry.key.span, None, None)
        choices = parts.get("choices")
        if choices is not None and not isinstance(choices, Sequence):
            self._error(PARAMETER, f"`choices` is a list, not {kind_of(choices)}", choices)
            choices = None
        about = parts.get("help")
        return Parameter(
            name, entry.key.span, declared, default, parts.get("min"), parts.get("max"), choices,
            about.text if isinstance(about, Scalar) else "",
        )  # fmt: skip

    def _variants(self, declared: Entry) -> dict[str, Variant]:
        found = self._mapping(declared)
        variants: dict[str, Variant] = {}
        for entry in found.entries if found is not None else ():
            name = entry.key.text
            if not is_name(name):
                self._bad_name(name, entry.key)
            values = self._mapping(entry)
            if values is None:
                continue
            expect = values.get("expect")
            about = values.get("description")
            variants[name] = Variant(
                name, entry.key.span,
                tuple(e for e in values if e.key.text not in ("expect", "description")),
                self._mapping(expect) if expect is not None else None,
                about.value.text if about and isinstance(about.value, Scalar) else "",
            )  # fmt: skip
        return variants

    def _blocks(self, file: SpecFile, declared: Entry) -> None:
        found = self._mapping(declared)
        if found is not None:
            is_part = _BLOCK_KEYS.__contains__
            found = self._indented(found, lambda key: not is_part(key), is_part)
        for entry in found.entries if found is not None else ():
            name = entry.key.text
            if not is_name(name):
                self._bad_name(name, entry.key)
            body = self._mapping(entry)
            if body is None:
                file.blocks[name] = Block(name, entry.key.span, {}, (), None, file)
                continue
            self._known_keys(body, _BLOCK_KEYS, "a block")
            params, let, layers = body.get("params"), body.get("let"), body.get("layers")
            if layers is None and not _is_misspelt("layers", body, _BLOCK_KEYS):
                message = f"the block `{shown(name)}` has no `layers`"
                self._error(MISSING_KEY, message, entry.key, "add `layers:` with its layers")
            file.blocks[name] = Block(
                name, entry.key.span,
                self._params(params, in_block=True) if params is not None else {},
                self._let(let) if let is not None else (),
                layers.value if layers is not None and self._is_sequence(layers) else None, file,
            )  # fmt: skip

    def _library(self, tree: Mapping) -> None:
        if _is_misspelt("layers", tree, _KEYS) or _is_misspelt("blocks", tree, _KEYS):
            return
        of_network = [e.key for e in tree if e.key.text in _KEYS if e.key.text not in _LIBRARY_KEYS]
        if of_network:
            message = f"`{of_network[0].text}` stands in a file without `layers`"
            helps = ("add `layers`; a library has blocks and nothing of a network",)
            self._error(MISSING_KEY, message, of_network[0], *helps)
        elif tree.get("blocks") is None:
            self._error(
                MISSING_KEY, "neither `layers` nor `blocks` is here", tree.entries[0].key,
                "a network has `layers`, a library has `blocks`",
            )  # fmt: skip
