"""Which tensor of a checkpoint is which weight of a graph, by the rules for their names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.graph import Graph, Node
from archc.graph.weight import Weight, WeightSource
from archc.language.library import nowhere
from archc.language.regular import Pattern, PatternMistake, compile_pattern, pattern_help
from archc.language.tree import shown
from archc.language.weight_rules import PATTERN, WeightRules
from archc.stages.bind.unused import UNUSED
from archc.weights.feature_order import FeatureOrder, feature_orders
from archc.weights.keras_layout import KerasLayout, without_ones
from archc.weights.policies import WeightPolicies


class Stored(NamedTuple):
    """A tensor that is a weight.

    Attributes:
        key: its key in the file.
        stored: as it lies there.
        source: in our layout.
    """

    key: str
    stored: WeightSource
    source: WeightSource


@dataclass
class Assignment:
    """What was found for the weights of a graph, and what was not.

    Attributes:
        graph: the network.
        keras: the layout of the file, None where it is ours.
        wanted: each weight with its layer, by full name.
        found: the tensors that are weights, by the weights' names, whether they fit or not.
        extra: the keys that are nothing, by their names after the rules.
        twice: what is said of the keys that are the same weight.
        prefixed: how many keys have the caller's prefix.
        ignored: the keys that the caller leaves out, by the pattern that matches them first.
        counts: what is said of layers with another number of variables.
        amended: the sources that policies give in place of what was found.
        drawn: the names of those that are drawn.
    """

    graph: Graph
    keras: KerasLayout | None
    wanted: Mapping[str, tuple[Node, Weight]]
    found: dict[str, Stored] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    prefixed: int = 0
    ignored: dict[str, list[str]] = field(default_factory=dict)
    counts: tuple[str, ...] = ()
    amended: dict[str, WeightSource] = field(default_factory=dict)
    drawn: set[str] = field(default_factory=set)

    @property
    def missing(self) -> list[str]:
        """The weights that nothing was found for."""
        return [name for name in self.wanted if name not in self.found and name not in self.amended]

    @property
    def misfits(self) -> list[str]:
        """The weights that were found in another shape."""
        return [n for n in self.found if n not in self.amended and not self.fits(n)]

    @property
    def is_complete(self) -> bool:
        """Whether each weight has a source, and each key of the file is one."""
        return not (self.missing or self.misfits or self.extra or self.twice)

    def fits(self, name: str) -> bool:
        """Whether a stored shape is the wanted one, but for axes of size 1.

        A dense layer after a flattened image may be stored as the convolution over all of it.
        """
        node, weight = self.wanted[name]
        shape = self.found[name].source.shape
        if without_ones(shape) == without_ones(weight.shape):
            return True
        if self.keras is not None or not node.inputs or len(weight.shape) != 2:
            return False
        parts = self._orders.get(node.inputs[0], ())
        return len(parts) == 1 and shape == (weight.shape[0], *parts[0].sizes)

    @cached_property
    def _orders(self) -> Mapping[int, FeatureOrder]:
        return feature_orders(self.graph)

    def sources(self) -> dict[str, WeightSource]:
        """The source of each weight, once all are found."""
        found = {name: stored.source for name, stored in self.found.items()}
        return {**found, **self.amended}


def assign(
    graph: Graph,
    tensors: Mapping[str, WeightSource],
    rules: WeightRules,
    keras: KerasLayout | None,
    policies: WeightPolicies,
    place: Place,
    reporter: Reporter,
    *,
    spare: Collection[str] = (),
) -> Assignment | Failed:
    """What a checkpoint has for a graph.

    Keys lose the caller's prefix, become names by the rules, and are left out where the caller
    ignores them; in Keras's layout, names are those of its variables.

    Reports:
        weights/pattern; weights/unused-policy as a warning.
    """
    ignore = compiled(policies.ignore, "--ignore", reporter)
    if isinstance(ignore, Failed):
        return FAILED
    result = Assignment(graph, keras, graph.owned_weights())
    named = list(_named(result, tensors, rules, policies, ignore))
    _warn_unused(result, policies, place, reporter)
    weights = None if keras is None else keras.named(name for name, _ in named)
    passed = _passed(spare, keras is not None)
    for name, key in named:
        weight = name if weights is None else weights.get(name, name)
        if weight not in result.wanted:  # an ignored weight is still taken where the spec builds it
            if not rules.ignores(name) and not _is_spare(name, spare, passed, keras):
                result.extra[name] = key
        elif weight in result.found:
            other = shown(result.found[weight].key)
            result.twice.append(f"`{shown(key)}` and `{other}` both become `{weight}`")
        else:
            stored = tensors[key]
            source = stored if keras is None else keras.source(weight, stored)
            result.found[weight] = Stored(key, stored, source)
    if keras is not None:
        result.counts = tuple(keras.counts(result.extra))
    return result


def _named(
    result: Assignment,
    tensors: Iterable[str],
    rules: WeightRules,
    policies: WeightPolicies,
    ignore: tuple[Pattern, ...],
) -> Iterator[tuple[str, str]]:
    """The name and the key of each tensor that the caller does not leave out."""
    result.ignored = {text: [] for text in policies.ignore}
    for key in tensors:
        result.prefixed += bool(policies.prefix) and key.startswith(policies.prefix)
        name = rules.renamed(key.removeprefix(policies.prefix))
        matching = (
            text
            for text, pattern in zip(policies.ignore, ignore, strict=True)
            if matches((pattern,), name)
        )
        text = next(matching, None)
        if text is None:
            yield name, key
        else:
            result.ignored[text].append(key)


def compiled(
    patterns: Iterable[str], option: str, reporter: Reporter
) -> tuple[Pattern, ...] | Failed:
    """The patterns of an option.

    Reports:
        weights/pattern.
    """
    found: list[Pattern] = []
    failed: Failed | None = None
    for text in patterns:
        try:
            found.append(compile_pattern(text))
        except PatternMistake as error:
            message = f"`{shown(text)}` is no pattern: {error}"
            helps = [pattern_help(text)]
            failed = reporter.error(PATTERN, message, nowhere(f"{option} {text}"), helps=helps)
    return failed or tuple(found)


def matches(patterns: Iterable[Pattern], name: str) -> bool:
    """Whether one of the patterns is the whole name."""
    return any(pattern.fullmatch(name) is not None for pattern in patterns)


def _warn_unused(
    result: Assignment, policies: WeightPolicies, place: Place, reporter: Reporter
) -> None:
    unused = [
        f"`--ignore {shown(text)}`: no key is of this form, or another pattern took it"
        for text, keys in result.ignored.items()
        if not keys
    ]
    if policies.prefix and not result.prefixed:
        unused.insert(0, f"`--prefix {shown(policies.prefix)}`: no key begins with it")
    if unused:
        reporter.warning(UNUSED, "a policy changes nothing", place, notes=unused)


def _passed(spare: Collection[str], is_keras: bool) -> set[str]:
    """The layers whose weights are spare, and the scopes that they lie in."""
    found: set[str] = set()
    for name in spare if is_keras else ():
        path = name.rpartition(".")[0]
        while path and path not in found:
            found.add(path)
            path = path.rpartition(".")[0]
    return found


def _is_spare(
    name: str, spare: Collection[str], passed: Collection[str], keras: KerasLayout | None
) -> bool:
    path = name.rpartition(".")[0]
    return name in spare or (keras is not None and path in passed and not keras.has(path))
