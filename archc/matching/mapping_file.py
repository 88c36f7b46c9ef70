"""The mapping file: which tensor is which weight, to be reviewed, completed and pinned.

    version: 1
    spec: resnet50
    layout: torch
    names: sha256:…        # of the checkpoint's keys and sizes
    map:
      conv1.weight: stem.conv.weight    # [64, 3, 7, 7], only one of its form
    ignored: [steps]

What is open stands in comments, each weight with the keys that it may be. A mapping that is used
binds what it says and nothing else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.language.tree import Mapping as MappingNode
from archc.language.tree import Scalar, Tree, kind_of
from archc.language.tree import Sequence as SequenceNode
from archc.matching.plan import Choice, Plan
from archc.weights.shown import shown

FORM = Rule(
    "mapping/form",
    "a mapping file is not formed properly",
    "It says which tensor of a checkpoint is which weight of a spec.",
)
VERSION = Rule(
    "mapping/version",
    "a mapping file is of another version",
    "What another version says may mean something else.",
)

MATCH_AGAIN = "write the mapping again: `archc weights match SPEC FILE -o mapping.yaml`"
"""What helps where a mapping does not hold as a whole."""

_VERSION = "1"
_KEYS = ("version", "spec", "layout", "names", "map", "ignored")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)+")
_CANDIDATES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class MappedKey:
    """A weight and the key of its tensor, as a mapping file has them."""

    weight: str
    key: str
    weight_place: Place
    key_place: Place


@dataclass(frozen=True, slots=True)
class MappingFile:
    """What a mapping file says.

    Attributes:
        spec: the network that it was made for.
        layout: the layout of the checkpoint.
        names: the digest of the checkpoint's keys and sizes, "" where it pins none.
        pairs: the weights with their keys.
        ignored: the keys that are passed over.
        place: the file, for what is reported.
        spec_place: where it names the network.
        names_place: where it gives the digest.
    """

    spec: str
    layout: str
    names: str
    pairs: tuple[MappedKey, ...]
    ignored: tuple[str, ...]
    place: Place
    spec_place: Place
    names_place: Place


def names_digest(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """What pins the keys and sizes of a checkpoint, in whatever order.

    >>> names_digest({"a": (2, 3)})[:15]
    'sha256:2bca1a84'
    """
    digest = hashlib.sha256()
    for key in sorted(shapes):
        sizes = "x".join(map(str, shapes[key]))
        digest.update(f"{len(key)}:{key}={sizes}\n".encode("utf-8", "surrogatepass"))
    return f"sha256:{digest.hexdigest()}"


def write_mapping(plan: Plan, spec: str) -> str:
    """The text of a plan's mapping file; what is open stands in comments."""
    lines = [
        f"version: {_VERSION}",
        f"spec: {_scalar(spec)}",
        f"layout: {plan.layout}",
        f"names: {names_digest(plan.shapes)}",
        "map:" if plan.matches else "map: {}",
        *_pairs(plan),
    ]
    for choice in plan.choices:
        lines += _open(choice)
    if plan.misfits:
        lines += ["", "  # of other sizes in the file; a policy such as `--head` decides:"]
        pairs = (f"  {_scalar(m.weight)}: {_scalar(m.key)}" for m in plan.misfits)
        lines += [f"{a}  # wanted {b}, stored {c}" for a, b, c in zip(
            pairs, (list(m.shape) for m in plan.misfits), (list(m.stored) for m in plan.misfits),
            strict=True)]  # fmt: skip
    misfits = {match.weight for match in plan.misfits}
    missing = {name: shape for name, shape in plan.missing.items() if name not in misfits}
    if missing:
        lines += ["", "  # no tensor fits:"]
        lines += [f"  # {_scalar(n)}:    # {list(shape)}" for n, shape in missing.items()]
    return "\n".join([*lines, *_ignored(plan)]) + "\n"


def _pairs(plan: Plan) -> Iterator[str]:
    for match in plan.matches:
        changes = [change for change in match.changes if change in {"transposed", "reshaped"}]
        sizes = f"{list(match.stored)} {changes[0]} to " if changes else ""
        note = f"{sizes}{list(match.shape)}, {match.why}"
        yield f"  {_scalar(match.weight)}: {_scalar(match.key)}  # {note}"


def _open(choice: Choice) -> list[str]:
    lines = ["", f"  # open: {shown_line(choice.reason)}"]
    for weight, keys in choice.weights.items():
        likely = choice.likely.get(weight)
        others = [key for key in keys if key != likely]
        more = f", … ({len(keys)} in all)" if len(others) > _CANDIDATES_SHOWN else ""
        listed = ", ".join(map(_scalar, others[:_CANDIDATES_SHOWN])) + more
        if likely is None:
            lines.append(f"  # {_scalar(weight)}:    # one of {listed}")
        else:
            lines.append(f"  # {_scalar(weight)}: {_scalar(likely)}  # or {listed}")
    return lines


def _ignored(plan: Plan) -> list[str]:
    misfits = {match.key for match in plan.misfits}
    unexpected = {key: n for key, n in plan.unexpected.items() if key not in misfits}
    # PyTorch's count of training steps is passed over without a word.
    ignored = [key for key in plan.ignored if not key.endswith("num_batches_tracked")]
    lines = ["ignored:" if ignored else "ignored: []", *(f"  - {_scalar(k)}" for k in ignored)]
    if unexpected:
        lines.append("  # these fit no weight; put those that are not needed into the list:")
        lines += [f"  # - {_scalar(key)}  # {list(n)}" for key, n in unexpected.items()]
    return lines


def shown_line(text: str) -> str:
    """A text for a comment: one line, escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _scalar(text: str) -> str:
    r"""A text as YAML writes it on one line.

    >>> _scalar("conv1.weight"), _scalar("a: b\n")
    ('conv1.weight', '"a: b\\n"')
    """
    if _PLAIN.fullmatch(text):
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in {'"', "\\"}:
        return f"\\{char}"
    if char == "\n":
        return "\\n"
    if char.isprintable() and char.isascii():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def read_mapping(tree: Tree, reporter: Reporter) -> MappingFile | Failed:
    """What the tree of a mapping file says.

    Reports:
        mapping/form, mapping/version.
    """
    reading = _Reading(reporter)
    if not isinstance(tree, MappingNode):
        return reading.error(f"a mapping file is a mapping, not {kind_of(tree)}", tree)
    for entry in tree:
        if entry.key.text not in _KEYS:
            helps = did_you_mean(entry.key.text, _KEYS) or (f"it has {', '.join(_KEYS)}",)
            reading.error(f"`{shown(entry.key.text)}` is nothing in a mapping", entry.key, helps)
    version = reading.text(tree, "version")
    if version is not None and version.text != _VERSION:
        message = f"the mapping is of version `{shown(version.text)}`, not {_VERSION}"
        return reporter.error(VERSION, message, Place(version.span), helps=(MATCH_AGAIN,))
    spec, layout = reading.text(tree, "spec"), reading.text(tree, "layout")
    if layout is not None and layout.text not in {"torch", "keras"}:
        message = f"`layout` is `torch` or `keras`, not `{shown(layout.text)}`"
        reading.error(message, layout, did_you_mean(layout.text, ("torch", "keras")))
    names = reading.text(tree, "names", is_needed=False)
    pairs, ignored = reading.pairs(tree), reading.ignored(tree)
    if version is None or spec is None or layout is None or reading.failed:
        return FAILED
    place = Place(tree.span)
    digest, at = ("", place) if names is None else (names.text, Place(names.span))
    return MappingFile(spec.text, layout.text, digest, pairs, ignored, place, Place(spec.span), at)


@dataclass(slots=True)
class _Reading:
    reporter: Reporter
    failed: bool = field(default=False)

    def error(self, message: str, tree: Tree, helps: Sequence[str] = ()) -> Failed:
        self.failed = True
        return self.reporter.error(FORM, message, Place(tree.span), helps=helps)

    def text(self, tree: MappingNode, name: str, *, is_needed: bool = True) -> Scalar | None:
        entry = tree.get(name)
        if entry is None:
            if is_needed:
                self.error(f"the mapping has no `{name}`", tree)
            return None
        if isinstance(entry.value, Scalar) and not entry.value.is_null:
            return entry.value
        self.error(f"`{name}` is a text, not {kind_of(entry.value)}", entry.value)
        return None

    def pairs(self, tree: MappingNode) -> tuple[MappedKey, ...]:
        entry = tree.get("map")
        if entry is None or not isinstance(entry.value, MappingNode):
            at = tree if entry is None else entry.value
            self.error("`map` says which weight is which key: `{WEIGHT: KEY}`", at)
            return ()
        found = []
        for pair in entry.value:
            if isinstance(pair.value, Scalar) and not pair.value.is_null:
                places = Place(pair.key.span), Place(pair.value.span)
                found.append(MappedKey(pair.key.text, pair.value.text, *places))
            else:
                self.error(f"a key of the checkpoint is a text, not {kind_of(pair.value)}",
                           pair.key if isinstance(pair.value, Scalar) else pair.value)  # fmt: skip
        return tuple(found)

    def ignored(self, tree: MappingNode) -> tuple[str, ...]:
        entry = tree.get("ignored")
        if entry is None or (isinstance(entry.value, Scalar) and entry.value.is_null):
            return ()
        if not isinstance(entry.value, SequenceNode):
            self.error(f"`ignored` is a list of keys, not {kind_of(entry.value)}", entry.value)
            return ()
        for item in entry.value.items:
            if not isinstance(item, Scalar) or item.is_null:
                self.error(f"a key of the checkpoint is a text, not {kind_of(item)}", item)
        return tuple(item.text for item in entry.value.items if isinstance(item, Scalar))
