"""Rules on ensembles: models whose steps are other models of the repository.

The flow of tensors must lead from the inputs to the outputs over all steps, and what a step takes
or gives must be what its model declares (Triton's core, `ValidateEnsembleSchedulingConfig` and
`ValidateEnsembleConfig`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from archc.deploy.triton.check_tensors import ANY, written
from archc.deploy.triton.examined import ENSEMBLE, Examined
from archc.deploy.triton.values import Group
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Reporter
from archc.weights.shown import listed, shown

ENSEMBLE_FORM = Rule(
    "triton/ensemble-form",
    "an ensemble is not declared as one",
    "An ensemble has the platform `ensemble`, steps, and nothing that belongs to a single model.",
)
ENSEMBLE_STEP = Rule(
    "triton/ensemble-step",
    "a step of an ensemble does not fit its model",
    "Triton loads an ensemble only with its steps' models there and their tensors connected.",
)
ENSEMBLE_FLOW = Rule(
    "triton/ensemble-flow",
    "a tensor of an ensemble leads nowhere, or comes from nowhere",
    "Triton refuses an ensemble in which a tensor is never written or never used.",
)


class _Tensor(NamedTuple):
    """What is said of a tensor of the ensemble, and by which model."""

    element: str
    sizes: tuple[int, ...]
    whole: tuple[int, ...]
    where: str


_Seen: TypeAlias = dict[str, _Tensor]


def _tensor(tensor: Group, model: Examined) -> _Tensor:
    reshape = tensor.group("reshape") if model.backend == ENSEMBLE else None
    sizes = tensor.integers("dims") if reshape is None else reshape.integers("shape")
    batch = (ANY,) * (model.max_batch_size > 0)
    return _Tensor(tensor.text("data_type"), sizes, batch + sizes, f"`{shown(model.name)}`")


def check_ensemble(
    model: Examined, others: Mapping[str, Examined | None], reporter: Reporter
) -> None:
    """Checks an ensemble against the models of its repository; None is one that cannot be read.

    Reports: triton/ensemble-form, triton/ensemble-step, triton/ensemble-flow.
    """
    schedule = model.config.group("ensemble_scheduling")
    if schedule is None and model.backend != ENSEMBLE:
        return
    if not _has_form(model, schedule, reporter) or schedule is None:
        return
    steps = schedule.groups("step")
    whole = [step for step in steps if _is_whole(step, reporter)]
    declared = (*model.config.groups("input"), *model.config.groups("output"))
    seen = {tensor.text("name"): _tensor(tensor, model) for tensor in declared}
    for step in whole:
        _check_step(model, step, others, seen, reporter)
    if len(whole) == len(steps):
        _check_flow(model, steps, reporter)


def _has_form(model: Examined, schedule: Group | None, reporter: Reporter) -> bool:
    config = model.config
    wrong = [
        name for name in ("instance_group", "optimization", "model_warmup") if config.has(name)
    ]
    for name in wrong:
        message = f"an ensemble has no `{name}`"
        helps = ("write it in the models of its steps",)
        reporter.error(ENSEMBLE_FORM, message, config.place_of(name), helps=helps)
    if config.text("platform") != ENSEMBLE or config.text("backend"):
        place = config.place_of("backend" if config.text("backend") else "platform")
        helps = ('write `platform: "ensemble"`, and no `backend`',)
        reporter.error(ENSEMBLE_FORM, "an ensemble is no backend's", place, helps=helps)
    elif schedule is None or not schedule.groups("step"):
        helps = ("write `ensemble_scheduling { step [ … ] }`",)
        place = config.place_of("ensemble_scheduling")
        reporter.error(ENSEMBLE_FORM, "the ensemble has no steps", place, helps=helps)
        return False
    return True


def _is_whole(step: Group, reporter: Reporter) -> bool:
    missing = [name for name in ("model_name", "input_map", "output_map") if not step.has(name)]
    if missing:
        message = f"a step of the ensemble has no {listed(missing)}"
        reporter.error(ENSEMBLE_STEP, message, step.place)
    return not missing


def _check_step(
    model: Examined,
    step: Group,
    others: Mapping[str, Examined | None],
    seen: _Seen,
    reporter: Reporter,
) -> None:
    name = step.text("model_name")
    place = step.place_of("model_name")
    if name not in others:
        message = f"there is no model `{shown(name)}` beside the ensemble"
        reporter.error(ENSEMBLE_STEP, message, place, helps=did_you_mean(name, others))
        return
    other = others[name]
    if other is None:
        return
    limit = other.max_batch_size
    if 0 < limit < model.max_batch_size:
        message = f"the ensemble takes batches of {model.max_batch_size}, and its step {limit}"
        helps = (f"write `max_batch_size: {limit}`",)
        reporter.error(ENSEMBLE_STEP, message, model.place_of("max_batch_size"), helps=helps)
    version = step.integer("model_version")
    if version > 0 and version not in other.served:
        message = f"`{shown(name)}` does not serve version {version}"
        reporter.error(ENSEMBLE_STEP, message, step.place_of("model_version"))
    for kind in ("input", "output"):
        _check_map(step, other, kind, seen, reporter)


def _check_map(step: Group, other: Examined, kind: str, seen: _Seen, reporter: Reporter) -> None:
    """Checks what a step takes or gives; a model without declarations has them filled in."""
    tensors = {tensor.text("name"): tensor for tensor in other.config.groups(kind)}
    if not tensors:
        return
    mapped = step.entries(f"{kind}_map")
    for name, value in mapped.items():
        if name not in tensors:
            message = f"`{shown(other.name)}` has no {kind} `{shown(name)}`"
            helps = did_you_mean(name, tensors) or (f"it has {listed(list(tensors))}",)
            reporter.error(ENSEMBLE_STEP, message, Place(value.span), helps=helps)
            continue
        found = _tensor(tensors[name], other)
        _check_types(seen, str(value.data), found, Place(value.span), reporter)
    if kind == "input":
        missing = [n for n, t in tensors.items() if n not in mapped and not t.flag("optional")]
        if missing:
            message = f"the step does not feed {listed(missing)} of `{shown(other.name)}`"
            reporter.error(ENSEMBLE_STEP, message, step.place_of("input_map"))


def _check_types(seen: _Seen, name: str, found: _Tensor, place: Place, reporter: Reporter) -> None:
    """Compares a tensor with what was said of it first: by the ensemble, or by a step before."""
    first = seen.setdefault(name, found)
    if first.element != found.element:
        kinds = f"{found.element} in {found.where}, and {first.element} in {first.where}"
        reporter.error(ENSEMBLE_STEP, f"`{shown(name)}` is {kinds}", place)
    if not _agree(first.sizes, found.sizes) and not _agree(first.whole, found.whole):
        sizes = f"{written(found.sizes)} in {found.where}, and {written(first.sizes)}"
        message = f"`{shown(name)}` has the sizes {sizes} in {first.where}"
        reporter.error(ENSEMBLE_STEP, message, place)


def _agree(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return len(a) == len(b) and all(ANY in {x, y} or x == y for x, y in zip(a, b, strict=True))


def _check_flow(model: Examined, steps: tuple[Group, ...], reporter: Reporter) -> None:
    """Checks that each tensor is written once, and each but the outputs used."""
    given = {tensor.text("name") for tensor in model.config.groups("input")}
    wanted = {tensor.text("name") for tensor in model.config.groups("output")}
    takes = [_targets(step, "input_map") for step in steps]
    gives = [_targets(step, "output_map") for step in steps]
    used, written_ = set().union(*takes), set().union(*gives)
    repeated = {
        name for i, names in enumerate(gives) for later in gives[:i] for name in names & later
    }
    problems = (
        (repeated, "is written by two steps"),
        (given - used, "is an input that no step takes"),
        (wanted - written_, "is an output that no step gives"),
        (used - given - written_, "is taken by a step, and nothing gives it"),
        (written_ - used - wanted, "is given by a step, and nothing takes it"),
        (_stuck(takes, gives, given) & written_, "waits for itself"),
    )
    for names, what in problems:
        for name in sorted(names):
            reporter.error(
                ENSEMBLE_FLOW, f"`{shown(name)}` {what}", _place_of_tensor(model, steps, name)
            )


def _targets(step: Group, field: str) -> set[str]:
    return {str(value.data) for value in step.entries(field).values()}


def _stuck(takes: list[set[str]], gives: list[set[str]], given: set[str]) -> set[str]:
    """What steps in a circle would give."""
    ready = given | (set().union(*takes) - set().union(*gives))
    rest = list(zip(takes, gives, strict=True))
    while runs := [step for step in rest if step[0] <= ready]:
        ready = ready.union(*(step[1] for step in runs))
        rest = [step for step in rest if step not in runs]
    return set().union(*(step[1] for step in rest)) - ready


def _place_of_tensor(model: Examined, steps: tuple[Group, ...], name: str) -> Place:
    for tensor in (*model.config.groups("input"), *model.config.groups("output")):
        if tensor.text("name") == name:
            return tensor.place_of("name")
    for step in steps:
        for field in ("input_map", "output_map"):
            for value in step.entries(field).values():
                if value.data == name:
                    return Place(value.span)
    return model.config.place
