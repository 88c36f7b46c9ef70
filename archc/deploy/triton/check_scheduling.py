"""Rules on how requests become batches and where they run: batching, instances, threads."""

from __future__ import annotations

from archc.deploy.triton.examined import ENSEMBLE, ONNX, Examined
from archc.deploy.triton.values import Group
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Reporter

BATCHING = Rule(
    "triton/batching",
    "a batcher's numbers contradict each other or `max_batch_size`",
    "Triton refuses the model: it could not make such batches.",
)
NO_BATCHER = Rule(
    "triton/no-batcher",
    "a model takes batches, and nothing makes them",
    "Triton does not add `dynamic_batching` to a complete configuration: each request then runs "
    "alone, however many wait.",
)
INSTANCES = Rule(
    "triton/instances",
    "a group of instances contradicts itself",
    "Triton refuses a group whose kind and processors do not fit.",
)
THREADS = Rule(
    "triton/threads",
    "nothing says how many threads a model has",
    "Without a number each instance takes a thread for every core, and instances get into each "
    "other's way.",
)
PARAMETER = Rule(
    "triton/parameter",
    "a parameter has a value that the backend does not take",
    "The backend for ONNX Runtime reads numbers from `parameters`, and refuses other texts.",
)

_THREADS = "intra_op_thread_count"
_NUMBERS = (_THREADS, "inter_op_thread_count", "execution_mode")


def check_scheduling(model: Examined, reporter: Reporter) -> None:
    """Checks the scheduler, the instances and the threads of a model.

    Reports: triton/batching, triton/no-batcher, triton/instances, triton/threads,
        triton/parameter.
    """
    config = model.config
    if model.max_batch_size < 0:
        helps = ("write 0 for a model without a batch axis",)
        place = model.place_of("max_batch_size")
        reporter.error(BATCHING, "`max_batch_size` is less than 0", place, helps=helps)
        return
    batcher = config.group("dynamic_batching")
    if batcher is not None:
        _check_batcher(model, batcher, reporter)
    if model.backend == ENSEMBLE:
        return
    is_complete = config.has("input") and config.has("output")
    is_filled_in = model.auto_complete and not is_complete
    if (
        model.max_batch_size > 1
        and batcher is None
        and not config.has("sequence_batching")
        and not is_filled_in
    ):
        message = f"batches of up to {model.max_batch_size} are taken, and never made"
        helps = ("write `dynamic_batching { }`",)
        reporter.warning(NO_BATCHER, message, model.place_of("max_batch_size"), helps=helps)
    for group in config.groups("instance_group"):
        _check_instances(group, reporter)
    if model.backend == ONNX:
        _check_parameters(model, reporter)


def _check_batcher(model: Examined, batcher: Group, reporter: Reporter) -> None:
    place = batcher.place_of("preferred_batch_size")
    for size in batcher.integers("preferred_batch_size"):
        if size <= 0 or size > model.max_batch_size:
            message = f"a preferred batch of {size} is not from 1 to {model.max_batch_size}"
            helps = ("leave out `preferred_batch_size`, or raise `max_batch_size`",)
            reporter.error(BATCHING, message, place, helps=helps)
            break
    levels = batcher.integer("priority_levels")
    default = batcher.integer("default_priority_level")
    if levels and not 1 <= default <= levels:
        message = f"`default_priority_level` is not from 1 to {levels}"
        reporter.error(BATCHING, message, batcher.place_of("default_priority_level"))
    if levels and batcher.fields.get("priority_queue_policy"):
        wrong = [n for n in batcher.entries("priority_queue_policy") if not 1 <= int(n) <= levels]
        if wrong:
            message = f"there is no priority level {wrong[0]}"
            reporter.error(BATCHING, message, batcher.place_of("priority_queue_policy"))
    if batcher.flag("preserve_ordering") and levels > 1:
        message = "`preserve_ordering` goes with one priority level only"
        reporter.error(BATCHING, message, batcher.place_of("preserve_ordering"))


def _check_instances(group: Group, reporter: Reporter) -> None:
    kind = group.text("kind")
    if kind in {"KIND_CPU", "KIND_MODEL"} and group.integers("gpus"):
        helps = ("leave out `gpus`, or write `kind: KIND_GPU`",)
        message = f"instances of `{kind}` are given graphics processors"
        reporter.error(INSTANCES, message, group.place_of("gpus"), helps=helps)
    if group.integer("count") < 0:
        reporter.warning(INSTANCES, "the count is less than 0, and taken for 1", group.place)
    if group.has("profile"):
        message = "`profile` is for models of TensorRT"
        reporter.error(INSTANCES, message, group.place_of("profile"))


def _check_parameters(model: Examined, reporter: Reporter) -> None:
    parameters = model.config.entries("parameters")
    for key in _NUMBERS:
        value = parameters.get(key)
        if value is None or not isinstance(value.data, Group):
            continue
        text = value.data.text("string_value")
        limit = 1 if key == "execution_mode" else 2**31 - 1
        if not text.isascii() or not text.isdecimal() or int(text[:20]) > limit:
            message = f"`{key}` takes a number{' that is 0 or 1' if limit == 1 else ''}"
            helps = ('write `value { string_value: "1" }`',)
            reporter.error(PARAMETER, message, value.data.place_of("string_value"), helps=helps)
    if model.has_config and _THREADS not in parameters:
        help_ = f'write `parameters {{ key: "{_THREADS}" value {{ string_value: "1" }} }}`'
        message = f"`{_THREADS}` is not given"
        place = model.place_of("instance_group")
        reporter.warning(THREADS, message, place, helps=(help_,))
