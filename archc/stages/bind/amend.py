"""The caller's policies: sources for weights that a checkpoint has otherwise, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.graph import AppliedPolicy
from archc.language.tree import shown
from archc.stages.bind.assignment import Assignment, compiled, matches
from archc.stages.bind.ends import Head, differing_heads, differing_stems, weighted_before
from archc.stages.bind.unused import UNUSED
from archc.weights.draw import DrawnWeight
from archc.weights.policies import DRAW, DROP, FIRST, WeightPolicies
from archc.weights.rearranged import FirstOf, Repeated, Summed

LISTED = 10
"""Names that a note tells; the model has them all."""

HEAD = Rule(
    "weights/head",
    "a policy cannot make the last layers of a checkpoint those of the spec",
    "Only classes that the checkpoint has can be taken from it.",
)
STEM = Rule(
    "weights/stem",
    "a policy cannot make the first layers of a checkpoint those of the spec",
    "Kernels are added up to a single channel, and repeated to more channels, not to fewer.",
)


def amend(
    found: Assignment, policies: WeightPolicies, seed: int, place: Place, reporter: Reporter
) -> tuple[AppliedPolicy, ...] | Failed:
    """What the policies have changed; the assignment has the sources that they give.

    Reports:
        weights/head, weights/stem, weights/pattern.
        weights/unused-policy: an error for `head` and `stem`, else a warning.
    """
    failed: Failed | None = None
    changed: list[AppliedPolicy] = []
    if policies.stem is not None:
        stem = _stem(found, policies.stem, seed, place, reporter)
        failed = _kept(stem, changed) or failed
    if policies.head is not None:
        head = _head(found, policies.head, seed, place, reporter)
        failed = _kept(head, changed) or failed
    missing = _missing(found, policies.allow_missing, seed, place, reporter)
    if isinstance(missing, Failed):
        failed = missing
    else:
        changed += missing
    return failed or (*_of_names(found, policies), *changed)


def _kept(result: AppliedPolicy | Failed, changed: list[AppliedPolicy]) -> Failed | None:
    if isinstance(result, Failed):
        return result
    changed.append(result)
    return None


def _of_names(found: Assignment, policies: WeightPolicies) -> Iterator[AppliedPolicy]:
    """What was done to the keys of the checkpoint."""
    if policies.ema:
        yield AppliedPolicy("ema", "true", (), "--ema: the averaged copy of the weights is used")
    if found.prefixed:
        prefix = shown(policies.prefix)
        note = f"--prefix {prefix}: taken off {_count(found.prefixed, 'key')}"
        yield AppliedPolicy("prefix", policies.prefix, (), note)
    for pattern, keys in found.ignored.items():
        if keys:
            note = f"--ignore {pattern}: left out {_count(len(keys), 'key')}: {_listed(keys)}"
            yield AppliedPolicy("ignore", pattern, tuple(keys), note)


def _stem(
    found: Assignment, choice: str, seed: int, place: Place, reporter: Reporter
) -> AppliedPolicy | Failed:
    stems = differing_stems(found)
    if not stems:
        message = f"`--stem {choice}` changes nothing: no first convolution takes another number "
        return reporter.error(
            UNUSED, f"{message}of input channels than in the checkpoint", place,
            helps=["leave `--stem` out"],
        )  # fmt: skip
    notes = []
    for name in stems:
        weight, source = found.wanted[name][1], found.found[name].source
        axis = weight.inputs_axis or 0
        stored, wanted = source.shape[axis], weight.shape[axis]
        if choice == DRAW:
            _draw(found, name, seed)
        elif choice == "sum" and wanted == 1:
            found.amended[name] = Summed(source, axis)
        elif choice == "repeat" and wanted > stored:
            found.amended[name] = Repeated(source, axis, wanted)
        else:
            _excuse(found, stems, seed)
            return _no_stem(name, choice, stored, wanted, place, reporter)
        notes.append(f"`{name}` {_stem_done(choice, stored, wanted, seed)}")
    return AppliedPolicy("stem", choice, stems, f"--stem {choice}: {', '.join(notes)}")


def _stem_done(choice: str, stored: int, wanted: int, seed: int) -> str:
    match choice:
        case "init":
            return f"is drawn with seed {seed}, for {wanted} input channels instead of {stored}"
        case "sum":
            return f"is the sum of the kernels of {stored} input channels"
        case _:
            done = f"repeats the kernels of {stored} input channels for {wanted}"
            return f"{done}, times {stored}/{wanted}"


def _no_stem(
    name: str, choice: str, stored: int, wanted: int, place: Place, reporter: Reporter
) -> Failed:
    does = "adds up to one channel" if choice == "sum" else "repeats to more channels"
    other = "sum" if wanted == 1 else "repeat" if wanted > stored else "init"
    return reporter.error(
        STEM,
        f"`--stem {choice}` {does}, but `{name}` takes {wanted} channels, {stored} in the file",
        place,
        helps=[f"take `--stem {other}`"],
    )


def _head(
    found: Assignment, choice: str, seed: int, place: Place, reporter: Reporter
) -> AppliedPolicy | Failed:
    heads = differing_heads(found)
    if not heads:
        return no_head(choice, found, place, reporter)
    for head in heads:
        if choice == FIRST and not _is_sliceable(found, head):
            _excuse(found, (name for head in heads for name in head.weights), seed)
            return _no_slice(head, place, reporter)
        for weight in head.node.weights:
            name = head.node.weight_name(weight)
            if choice == FIRST:
                axis = weight.outputs_axis or 0
                found.amended[name] = FirstOf(found.found[name].source, axis, head.wanted)
            else:
                _draw(found, name, seed)
    names = tuple(dict.fromkeys(name for head in heads for name in head.weights))
    notes = ", ".join(f"`{head.node.name}` {_head_done(head, choice, seed)}" for head in heads)
    return AppliedPolicy("head", choice, names, f"--head {choice}: {notes}")


def _head_done(head: Head, choice: str, seed: int) -> str:
    if choice == FIRST:
        return f"gives the first {head.wanted} of {head.stored} classes"
    instead = "" if head.stored is None else f" instead of {head.stored}"
    return f"is drawn with seed {seed}, for {head.wanted} classes{instead}"


def _is_sliceable(found: Assignment, head: Head) -> bool:
    is_whole = all(name in found.found for name in head.weights)
    return is_whole and head.stored is not None and head.stored > head.wanted


def _no_slice(head: Head, place: Place, reporter: Reporter) -> Failed:
    has = (
        "is not whole" if head.stored is None or head.stored > head.wanted else f"has {head.stored}"
    )
    message = (
        f"`--head slice` cannot give {head.wanted} classes: `{head.node.name}` {has} in the file"
    )
    return reporter.error(HEAD, message, place, helps=["take `--head init` or `--head drop`"])


def no_head(choice: str, found: Assignment, place: Place, reporter: Reporter) -> Failed:
    """Reports that every head has as many classes in the checkpoint as in the spec.

    Reports:
        weights/unused-policy.
    """
    graph = found.graph
    helps = ["leave `--head` out"]
    for value in weighted_before(graph, [graph.outputs[0].value]):
        node = graph.node_of(value)
        if choice == DROP and node is not None and graph.node_of(node.inputs[0]) is not None:
            path = graph.name_of(node.inputs[0])
            helps = [f"for the features alone, take `--output features={path}`"]
    message = f"`--head {choice}` changes nothing: the last layers give as many classes as in the "
    return reporter.error(UNUSED, f"{message}checkpoint", place, helps=helps)


def _missing(
    found: Assignment, patterns: tuple[str, ...], seed: int, place: Place, reporter: Reporter
) -> tuple[AppliedPolicy, ...] | Failed:
    ready = compiled(patterns, "--allow-missing", reporter)
    if isinstance(ready, Failed):
        return FAILED
    changed: list[AppliedPolicy] = []
    unused: list[str] = []
    for text, pattern in zip(patterns, ready, strict=True):
        names = [name for name in found.missing if matches((pattern,), name)]
        if not names:
            unused.append(f"`--allow-missing {shown(text)}`: no such weight is missing")
            continue
        for name in names:
            _draw(found, name, seed)
        drawn = f"{_count(len(names), 'weight')} drawn with seed {seed}: {_listed(names)}"
        note = f"--allow-missing {text}: {drawn}"
        changed.append(AppliedPolicy("allow_missing", text, tuple(names), note))
    if unused:
        reporter.warning(UNUSED, "a policy changes nothing", place, notes=unused)
    return tuple(changed)


def _draw(found: Assignment, name: str, seed: int) -> None:
    found.amended[name] = DrawnWeight(found.wanted[name][1], name, seed)
    found.drawn.add(name)


def _excuse(found: Assignment, names: Iterable[str], seed: int) -> None:
    """Gives sources to weights that are reported otherwise, so that they are not told twice."""
    for name in names:
        _draw(found, name, seed)


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _listed(names: list[str]) -> str:
    first = ", ".join(f"`{shown(name)}`" for name in names[:LISTED])
    return f"{first} and {len(names) - LISTED} more" if len(names) > LISTED else first
