"""`archc call`: what a served model sees in images."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from archc.cli.call_options import (
    AnswersOption,
    EncodedOption,
    HeaderOption,
    ImagesArgument,
    LikeOption,
    ModelOption,
    OutputOption,
    TimeoutOption,
    TopOption,
    UrlArgument,
    VersionOption,
)
from archc.cli.options import TextOrJson
from archc.cli.report import SPEC_ERRORS, end_on_errors, print_json, show
from archc.cli.terminal import put, say
from archc.diagnostics.cells import visible
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter

if TYPE_CHECKING:
    from archc.runtime.metadata import ModelRecord
    from archc.runtime.predict import Prediction
    from archc.runtime.preprocess import Preprocess
    from archc.serving.client.address import ModelAddress
    from archc.serving.client.call import Call, Outcome
    from archc.serving.client.endpoint import Endpoint
    from archc.serving.client.protocol import Client

TWO_MODELS = Rule(
    "call/two-models",
    "an address and an option name different models or versions",
    "One of them would be passed over in silence.",
)

_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*([ -~]*)")

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def call(
    url: UrlArgument,
    images: ImagesArgument,
    model: ModelOption = None,
    version: VersionOption = None,
    output: OutputOption = None,
    encoded: EncodedOption = False,
    like: LikeOption = None,
    top: TopOption = 5,
    timeout: TimeoutOption = 30.0,
    header: HeaderOption = None,
    answers: AnswersOption = None,
    form: TextOrJson = "text",
) -> None:
    """Name the classes that a served model sees in images, with their probabilities."""
    from archc.serving.client.address import parse_address
    from archc.serving.client.connect import connect

    headers = _headers(header or [])
    reporter = Reporter()
    address = parse_address(url, reporter)
    known = None if like is None else _record(like, reporter)
    chosen = address if isinstance(address, Failed) else _chosen(address, model, version, reporter)
    end_on_errors(reporter)
    if isinstance(chosen, Failed) or isinstance(known, Failed):
        raise typer.Exit(SPEC_ERRORS)
    client = connect(chosen.server, reporter, seconds=timeout, headers=headers)
    end_on_errors(reporter)
    if isinstance(client, Failed):
        raise typer.Exit(SPEC_ERRORS)
    with client:
        calls = _opened(client, chosen, output, known, top, encoded=encoded)
        calls.all_outputs = answers is not None
        is_fine = _put_all(calls, images, answers, is_json=form == "json")
    if not is_fine:
        raise typer.Exit(SPEC_ERRORS)


def _headers(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        match = _HEADER.fullmatch(text.strip())
        if match is None:
            raise typer.BadParameter(f"`--header {visible(text)}` is no `--header 'NAME: VALUE'`")
        found[match[1]] = match[2]
    return found


def _chosen(
    address: ModelAddress, model: str | None, version: str | None, reporter: Reporter
) -> ModelAddress | Failed:
    """The address with the model and version of the options."""
    from archc.weights.checkpoint import file_place

    pairs = (("model", address.model, model), ("version", address.version, version))
    for what, of_address, of_option in pairs:
        if of_address is not None and of_option not in (None, of_address):
            message = (
                f"the address names the {what} `{visible(of_address)}`, "
                f"and `--{what}` `{visible(of_option or '')}`"
            )
            place = file_place(str(address.server))
            return reporter.error(TWO_MODELS, message, place, helps=("leave one of them out",))
    return address._replace(model=address.model or model, version=address.version or version)


def _record(like: str, reporter: Reporter) -> ModelRecord | Failed:
    """What a package, a built model or a spec says of pictures and classes."""
    from archc.serving.client.preparation import record_of

    path = Path(like)
    if path.is_dir() or path.suffix == ".onnx":
        return record_of(path, reporter)
    from archc.pipeline.networks import Choices, elaborate_network
    from archc.pipeline.reading import load_spec
    from archc.runtime.metadata import ModelRecord

    spec = load_spec(like, reporter)
    network = spec if isinstance(spec, Failed) else elaborate_network(spec, Choices(), reporter)
    if isinstance(network, Failed):
        return FAILED
    return ModelRecord(preprocess=network.preprocess, labels=network.labels)


def _opened(
    client: Client,
    address: ModelAddress,
    output: str | None,
    known: ModelRecord | None,
    top: int,
    *,
    encoded: bool,
) -> Call:
    """The calls of the model, after what is not known of it is said."""
    from archc.serving.client.call import Call
    from archc.serving.client.endpoint import Wanted, find_endpoint

    reporter = Reporter()
    wanted = Wanted(address.model, address.version, encoded, output)
    endpoint = find_endpoint(client, wanted, reporter)
    end_on_errors(reporter)
    if isinstance(endpoint, Failed):
        raise typer.Exit(SPEC_ERRORS)
    record = endpoint.record if known is None else known
    if endpoint.record.is_trained is False or record.is_trained is False:
        say("warning", "this model's weights are random: what it names means nothing")
    for key in record.damaged:
        say("warning", f"the model's property `{visible(key)}` cannot be read")
    return Call(
        client,
        endpoint,
        _preprocess(endpoint, record),
        top,
        record.labels or None,
        record.probabilities | endpoint.record.probabilities,
    )


def _preprocess(endpoint: Endpoint, record: ModelRecord) -> Preprocess | None:
    """The recorded steps, else usual ones, of which is said that they are a guess."""
    from archc.serving.client.preparation import fitted, usual

    target = endpoint.pixels
    if target is None:
        return None
    if record.preprocess is not None:
        return fitted(record.preprocess, target)
    steps = usual(target)
    done = [] if target.dtype.value == "uint8" else ["scaled to 0 to 1"]
    if isinstance(steps.crop, tuple):
        height, width = steps.crop
        done[:0] = [
            f"resized to a shorter side of {steps.resize}",
            f"cropped to {height} × {width}",
        ]
    say(
        "warning",
        "the server says of no preprocessing: images are "
        + (", ".join(done) or "sent as they are"),
    )
    say("help", "name what knows it: `--like PACKAGE`, `--like MODEL.onnx` or `--like SPEC`")
    return steps


def _put_all(calls: Call, images: list[Path], answers: Path | None, *, is_json: bool) -> bool:
    """Puts what came of each picture; whether all went well."""
    together = Reporter()
    documents: list[dict[str, object]] = []
    kept: list[Outcome] = []
    for outcome in calls.outcomes(images):
        together.add(outcome.diagnostics)
        if not is_json:
            _put(outcome)
        if outcome.classes is not None:
            classes = [_as_json(one) for one in outcome.classes]
            documents.append({"image": str(outcome.image), "classes": classes})
            if answers is not None:
                kept.append(outcome)
    if answers is not None and kept:
        from archc.serving.client.kept import write_answers

        reporter = Reporter()
        write_answers(answers, [outcome.tensors for outcome in kept], reporter)
        together.add(reporter.diagnostics)
        if not is_json:
            show(reporter.diagnostics)
    if is_json:
        endpoint = calls.endpoint
        about = {"server": calls.client.address, "model": endpoint.model}
        print_json({**about, "images": documents}, together.diagnostics)
    return not together.has_errors


def _put(outcome: Outcome) -> None:
    show(outcome.diagnostics)
    if outcome.classes is None:
        return
    put(visible(str(outcome.image)))
    for one in outcome.classes:
        put(f"  {100 * one.probability:6.2f} %  {visible(one.label)}")


def _as_json(found: Prediction) -> dict[str, object]:
    share = found.probability
    return {
        "label": found.label,
        "index": found.index,
        "probability": share if math.isfinite(share) else None,
    }
