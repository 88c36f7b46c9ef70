"""The `weights` section of a spec: how a checkpoint's names map on the spec's.

Patterns are RE2's regular expressions, which match in linear time and have neither look-around nor
back-references, so a hostile pattern cannot run away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.language.regular import (
    Pattern,
    PatternMistake,
    Replacement,
    compile_any,
    compile_pattern,
    pattern_help,
    read_replacement,
)
from archc.language.tree import Mapping, Scalar, Sequence, Tree, kind_of, shown

FORM = Rule(
    "weights/rules", "a rule for weights is not formed properly",
    "rules say how a checkpoint's names map on the spec's",
)  # fmt: skip
PATTERN = Rule(
    "weights/pattern", "a pattern for weights is no regular expression",
    "patterns match in linear time: no look-around, no back-references",
)  # fmt: skip

LAYOUTS = ("torch", "keras")


NAME_BOUND = 4_096
"""Characters of a renamed key, beyond which no further rule is applied."""


@dataclass(frozen=True, slots=True)
class WeightRules:
    """How a checkpoint's names become the spec's: prefix off, then renames in order, then ignores.

    Attributes:
        layout: how arrays lie in the file, `torch` or `keras`.
        prefix: taken off the names that have it.
        rename: patterns with replacements, each applied to every match.
        ignore: patterns of whole names that are passed over.
        renames: what is found in every name that is to be renamed; None where all are tried.
    """

    layout: str = "torch"
    prefix: str = ""
    rename: tuple[tuple[Pattern, Replacement], ...] = ()
    ignore: tuple[Pattern, ...] = ()
    renames: Pattern | None = None

    def renamed(self, key: str) -> str:
        """The name that a key of the checkpoint has in the spec."""
        name = key.removeprefix(self.prefix) if self.prefix else key
        if self.renames is not None and self.renames.search(name) is None:
            return name
        for pattern, replacement in self.rename:
            if len(name) > NAME_BOUND:
                break
            name = pattern.sub(replacement, name)
        return name

    def ignores(self, name: str) -> bool:
        """Whether a renamed key is passed over."""
        if name == "num_batches_tracked" or name.endswith(".num_batches_tracked"):
            return True
        return any(pattern.fullmatch(name) is not None for pattern in self.ignore)


def read_weight_rules(tree: Mapping | None, reporter: Reporter) -> WeightRules | Failed:
    """The rules that a spec's `weights` section writes.

    Reports:
        weights/rules, weights/pattern.
    """
    return WeightRules() if tree is None else _Rules(reporter).read(tree)


class _Rules:
    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._failed = False

    def read(self, tree: Mapping) -> WeightRules | Failed:
        layout, prefix = "torch", ""
        rename: list[tuple[Pattern, Replacement]] = []
        renames: Pattern | None = None
        ignore: list[Pattern] = []
        for entry in tree:
            match entry.key.text:
                case "layout":
                    layout = self._layout(entry.value)
                case "prefix":
                    prefix = self._text(entry.value, "prefix")
                case "rename":
                    rename = self._rename(entry.value)
                    if isinstance(entry.value, Mapping) and not self._failed:
                        renames = compile_any(e.key.text for e in entry.value)
                case "ignore":
                    ignore = self._ignore(entry.value)
                case unknown:
                    keys = ("layout", "prefix", "rename", "ignore")
                    helps = did_you_mean(unknown, keys) or (f"it has {', '.join(keys)}",)
                    self._error(FORM, f"`{unknown}` is no rule for weights", entry.key, *helps)
        if self._failed:
            return FAILED
        return WeightRules(layout, prefix, tuple(rename), tuple(ignore), renames)

    def _error(self, rule: Rule, message: str, tree: Tree, *helps: str) -> None:
        self._failed = True
        self._reporter.error(rule, message, Place(tree.span), helps=helps)

    def _text(self, tree: Tree, what: str) -> str:
        if isinstance(tree, Scalar) and isinstance(tree.value, str):
            return tree.value
        self._error(FORM, f"`{what}` is a text, not {kind_of(tree)}", tree)
        return ""

    def _layout(self, tree: Tree) -> str:
        text = self._text(tree, "layout")
        if text and text not in LAYOUTS:
            message = f"`layout` is `torch` or `keras`, not `{text}`"
            self._error(FORM, message, tree, *did_you_mean(text, LAYOUTS))
        return text

    def _rename(self, tree: Tree) -> list[tuple[Pattern, Replacement]]:
        if not isinstance(tree, Mapping):
            self._error(FORM, f"`rename` maps patterns to names, not {kind_of(tree)}", tree)
            return []
        rules: list[tuple[Pattern, Replacement]] = []
        for entry in tree:
            pattern = self._pattern(entry.key)
            value = entry.value
            if not isinstance(value, Scalar) or value.is_null:
                at = entry.key if isinstance(value, Scalar) else value
                message = f"a replacement is a text, not {kind_of(value)}"
                self._error(FORM, message, at, "write `''` to take a match away")
            elif pattern is not None:
                try:
                    rules.append((pattern, read_replacement(value.text, pattern.groups)))
                except PatternMistake as error:
                    message = f"`{shown(value.text)}` is no replacement: {error}"
                    self._error(PATTERN, message, value)
        return rules

    def _ignore(self, tree: Tree) -> list[Pattern]:
        items: Iterable[Tree] = tree.items if isinstance(tree, Sequence) else (tree,)
        patterns = [self._pattern(item) for item in items]
        return [pattern for pattern in patterns if pattern is not None]

    def _pattern(self, tree: Tree) -> Pattern | None:
        if not isinstance(tree, Scalar) or tree.is_null:
            self._error(FORM, f"a pattern is a text, not {kind_of(tree)}", tree)
            return None
        try:
            return compile_pattern(tree.text)
        except PatternMistake as error:
            message = f"`{shown(tree.text)}` is no pattern: {error}"
            self._error(PATTERN, message, tree, pattern_help(tree.text))
            return None
