"""A mapping file applied to a checkpoint: what it says is bound, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.graph import Graph
from archc.graph.weight import WeightSource
from archc.language.weight_rules import WeightRules
from archc.matching.mapping_file import MATCH_AGAIN, MappedKey, MappingFile, names_digest
from archc.matching.parties import Layout, layers_of
from archc.matching.plan import Plan, Why
from archc.matching.plan_maker import PlanMaker
from archc.weights.shown import shown

OTHER_SPEC = Rule(
    "mapping/other-spec",
    "a mapping was made for another network",
    "The same names may mean other layers there.",
)
OTHER_FILE = Rule(
    "mapping/other-file",
    "a mapping was made for a checkpoint with other keys or sizes",
    "The mapping was reviewed with the keys that it pins; the same keys may mean other layers "
    "here.",
)
UNKNOWN_WEIGHT = Rule(
    "mapping/unknown-weight",
    "a mapping binds a weight that the network does not have",
    "What is bound to nothing would be lost in silence.",
)
UNKNOWN_KEY = Rule(
    "mapping/unknown-key",
    "a mapping names a key that the checkpoint does not have",
    "A mapping is used exactly as it is written.",
)
USED_TWICE = Rule(
    "mapping/used-twice",
    "a mapping binds two weights to one tensor",
    "Layers that share a weight own it once in a spec; two that do not are a slip.",
)

_NEAR_LIMIT = 500


def plan_mapped(
    graph: Graph,
    tensors: Mapping[str, WeightSource],
    rules: WeightRules,
    mapping: MappingFile,
    reporter: Reporter,
    *,
    ignores: Callable[[str], bool] = lambda _: False,
) -> Plan | Failed:
    """The plan that a mapping file is; what it does not name is missing or unexpected.

    Args:
        graph: the network.
        tensors: those of the checkpoint, by their keys.
        rules: those of the spec, for what is passed over.
        mapping: the mapping.
        reporter: told what does not hold.
        ignores: whether a key is passed over as well.

    Reports:
        mapping/other-spec, mapping/other-file, mapping/unknown-weight, mapping/unknown-key,
        mapping/used-twice.
    """
    shapes = {key: tuple(source.shape) for key, source in tensors.items()}
    found = _Checks(mapping, reporter)
    found.spec(graph.variant or graph.name)
    found.file(names_digest(shapes))
    if not found.failed:  # else no line would hold
        found.pairs(list(graph.owned_weights()), list(shapes))
    if found.failed:
        return FAILED
    listed = frozenset(mapping.ignored)
    mapped = {pair.key for pair in mapping.pairs}

    def is_ignored(key: str, is_weight: bool) -> bool:
        if key in mapped or key in listed:
            return key not in mapped
        return not is_weight and (rules.ignores(key) or ignores(key))

    layout: Layout = "keras" if mapping.layout == "keras" else "torch"
    names = {key: key for key in tensors}
    maker = PlanMaker(graph, layers_of(graph), tensors, names, layout, is_ignored)
    why: Why = "mapping"
    bound = {pair.weight: (pair.key, why) for pair in mapping.pairs}
    fitting = {name: pair for name, pair in bound.items() if maker.fits(pair[0], name)}
    misfits = {name: pair for name, pair in bound.items() if name not in fitting}
    return maker.plan(fitting, misfits=misfits)


class _Checks:
    def __init__(self, mapping: MappingFile, reporter: Reporter) -> None:
        self._mapping, self._reporter = mapping, reporter
        self.failed = False

    def spec(self, name: str) -> None:
        if name != self._mapping.spec:
            message = f"the mapping is for `{shown(self._mapping.spec)}`, not for `{name}`"
            self.failed = True
            helps = [MATCH_AGAIN, f"or write `spec: {name}`, if the names mean the same there"]
            self._reporter.error(OTHER_SPEC, message, self._mapping.spec_place, helps=helps)

    def file(self, digest: str) -> None:
        if self._mapping.names and digest != self._mapping.names:
            self.failed = True
            self._reporter.error(
                OTHER_FILE,
                "the checkpoint has other keys or sizes than the one that the mapping was made for",
                self._mapping.names_place,
                notes=[f"it has `{digest}`"],
                helps=[
                    MATCH_AGAIN,
                    "or take `names` away, if the mapping holds for this file too",
                ],
            )

    def pairs(self, weights: list[str], keys: list[str]) -> None:
        known_weights, known_keys = set(weights), set(keys)
        used: dict[str, MappedKey] = {}
        for pair in self._mapping.pairs:
            if pair.weight not in known_weights:
                message = f"the network has no weight `{shown(pair.weight)}`"
                helps = did_you_mean(pair.weight, weights[:_NEAR_LIMIT])
                self.failed = True
                self._reporter.error(UNKNOWN_WEIGHT, message, pair.weight_place, helps=helps)
            elif pair.key not in known_keys:
                message = f"the checkpoint has no `{shown(pair.key)}`"
                helps = did_you_mean(pair.key[:200], keys[:_NEAR_LIMIT])
                self.failed = True
                self._reporter.error(UNKNOWN_KEY, message, pair.key_place, helps=helps)
            elif pair.key in used:
                self._twice(pair, used[pair.key])
            used.setdefault(pair.key, pair)

    def _twice(self, pair: MappedKey, first: MappedKey) -> None:
        message = (
            f"`{shown(pair.key)}` is bound to two weights, `{first.weight}` and `{pair.weight}`"
        )
        self.failed = True
        self._reporter.error(
            USED_TWICE, message, pair.key_place,
            related=[Related(first.key_place.span, f"bound to `{first.weight}` here")],
        )  # fmt: skip
