"""The plan that follows from what is bound: what is missing, left over, of other sizes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from archc.graph.graph import Graph
from archc.graph.weight import Weight, WeightSource
from archc.matching.parties import LayerParty, Layout, squeezed
from archc.matching.plan import Choice, Match, Plan, Why
from archc.weights.keras_layout import KerasLayout


class PlanMaker:
    """The names of keys and weights, and the plans that are made of them.

    Attributes:
        layers: those of the network.
        names: the name of each key by the rules.
        ignored: the keys that are passed over.
        shapes: the sizes of the tensors by their keys.
    """

    def __init__(
        self,
        graph: Graph,
        layers: Sequence[LayerParty],
        tensors: Mapping[str, WeightSource],
        names: Mapping[str, str],
        layout: Layout,
        is_ignored: Callable[[str, bool], bool],
        *,
        is_by_structure: bool = False,
    ) -> None:
        """Takes the parties.

        Args:
            graph: the network.
            layers: its layers with weights.
            tensors: those of the checkpoint, by their keys.
            names: the name of each key.
            layout: that of the checkpoint.
            is_ignored: whether a key is passed over; told whether its name is that of a weight.
            is_by_structure: whether what is left over may be told to be of other sizes.
        """
        self.layers, self._layout, self.names = layers, layout, names
        self._is_by_structure = is_by_structure
        self._weights = _named(graph, names.values(), layout)
        self._owned = {
            layer.weight_name(weight.name): (layer, weight)
            for layer in layers
            for weight in layer.weights
        }
        self.ignored = tuple(
            key for key, name in names.items() if is_ignored(key, name in self._weights)
        )
        self.shapes = {key: tuple(source.shape) for key, source in tensors.items()}

    def by_name(self) -> dict[str, tuple[str, Why]]:
        """The key of each weight that one tensor of its name and its size is there for."""
        keys: dict[str, list[str]] = {}
        for key, name in self.names.items():
            if name in self._weights:
                keys.setdefault(self._weights[name], []).append(key)
        return {
            weight: (found[0], "same name")
            for weight, found in keys.items()
            if len(found) == 1 and self.fits(found[0], weight)
        }

    def is_whole(self, found: Collection[str]) -> bool:
        """Whether all weights were found."""
        return len(found) == len(self._owned)

    def plan(
        self,
        found: Mapping[str, tuple[str, Why]],
        choices: Sequence[Choice] = (),
        misfits: Mapping[str, tuple[str, Why]] | None = None,
    ) -> Plan:
        """The plan where these weights are bound and those of the choices are open.

        Args:
            found: the key of each bound weight, and why.
            choices: those that are open.
            misfits: weights that tensors of other sizes are meant for, where that is known.
        """
        matches = [self._match(name, *found[name]) for name in self._owned if name in found]
        taken = {match.key for match in matches}
        open_weights = {name for choice in choices for name in choice.weights}
        open_keys = {k for choice in choices for keys in choice.weights.values() for k in keys}
        missing = {
            name: weight.shape
            for name, (_, weight) in self._owned.items()
            if name not in found and name not in open_weights
        }
        passed = {*taken, *open_keys, *self.ignored}
        unexpected = {key: shape for key, shape in self.shapes.items() if key not in passed}
        meant = self._misfits(missing, unexpected) if misfits is None else misfits
        return Plan(
            tuple(matches), tuple(choices), missing, unexpected, self.ignored,
            tuple(self._match(name, *meant[name]) for name in meant), self._layout,
            self.names, frozenset(key for key, name in self.names.items() if name in self._weights),
            self.shapes,
        )  # fmt: skip

    def _misfits(
        self, missing: Iterable[str], unexpected: Iterable[str]
    ) -> dict[str, tuple[str, Why]]:
        """Weights that a tensor of their name is there for, or alone of their rank, what is left.

        A head for another number of classes is one, and a stem for other channels.
        """
        called = {self._weights.get(self.names[key]): key for key in unexpected}
        found = {name: called[name] for name in missing if name in called}
        if not self._is_by_structure:
            return {name: (key, "same name") for name, key in found.items()}
        weights = _by_rank({n: self._owned[n][1].shape for n in missing if n not in found})
        keys = _by_rank({k: self.shapes[k] for k in unexpected if k not in found.values()})
        for rank, names in weights.items():
            alone = keys.get(rank, [])
            # A tensor that fits in size was not bound for another reason.
            if len(names) == len(alone) == 1 and not self.fits(alone[0], names[0]):
                found[names[0]] = alone[0]
        return {
            name: (key, "same name" if name in called else "the only one left")
            for name, key in found.items()
        }

    def _match(self, name: str, key: str, why: Why) -> Match:
        weight = self._owned[name][1]
        is_transposed = self._layout == "keras" and _is_transposed(weight)
        if why == "same name" and self.names[key] != key:
            why = "rule"
        return Match(name, key, weight.shape, self.shapes[key], why, is_transposed)

    def fits(self, key: str, name: str) -> bool:
        """Whether a tensor has the sizes of a weight, but for axes of size 1."""
        layer, weight = self._owned[name]
        wanted = [dict(form)[weight.name] for form in layer.forms(self._layout)]
        return squeezed(self.shapes[key]) in wanted


def _named(graph: Graph, names: Iterable[str], layout: Layout) -> Mapping[str, str]:
    """The weights that names in the file are."""
    if layout == "keras":
        return KerasLayout(graph).named(names)
    owned = graph.owned_weights()
    return {name: name for name in names if name in owned}


def _by_rank(shapes: Mapping[str, tuple[int, ...]]) -> Mapping[int, list[str]]:
    found: dict[int, list[str]] = {}
    for name, shape in shapes.items():
        found.setdefault(len(shape), []).append(name)
    return found


def _is_transposed(weight: Weight) -> bool:
    if weight.keras is None:
        return False
    order = [axis for axis in weight.keras.order if weight.keras.sizes[axis] != 1]
    return order != sorted(order)
