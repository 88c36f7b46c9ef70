"""`archc run`: what a built classifier sees in images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archc.cli.options import TextOrJson, whole_number
from archc.cli.report import SPEC_ERRORS, end_on_errors, print_json, show
from archc.cli.terminal import put, say
from archc.diagnostics.cells import visible
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter

if TYPE_CHECKING:
    from archc.runtime.model import Model
    from archc.runtime.predict import Prediction
    from archc.runtime.preprocess import Preprocess

NOT_ONE_INPUT = Rule(
    "run/several-inputs",
    "a model with several inputs is to be run on images",
    "An image is one input; nothing says what the others would be.",
)
NO_CLASSES = Rule(
    "run/no-classes",
    "a model whose output is no list of class scores is to name classes",
    "Only a classifier gives one number for each class.",
)

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def run(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A built model.", show_default=False)
    ],
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Image files.", show_default=False)
    ],
    top: Annotated[
        int,
        typer.Option(
            "--top", metavar="K", help="How many classes are named.", parser=whole_number(1)
        ),
    ] = 5,
    form: TextOrJson = "text",
) -> None:
    """Name the classes that a model sees in images, with their probabilities."""
    from archc.runtime.model import open_model

    is_json = form == "json"
    reporter = Reporter()
    opened = open_model(model, reporter)
    end_on_errors(reporter)
    if isinstance(opened, Failed):
        raise typer.Exit(SPEC_ERRORS)
    steps = preprocess_of(opened)
    together = Reporter()
    documents: list[dict[str, object]] = []
    for image in images:
        reporter = Reporter()
        found = _classes(opened, steps, image, top, reporter)
        together.add(reporter.diagnostics)
        if not is_json:
            show(reporter.diagnostics)
        if isinstance(found, Failed):
            continue
        if is_json:
            documents.append({"image": str(image), "classes": [_as_json(p) for p in found]})
            continue
        put(visible(str(image)))
        for one in found:
            put(f"  {100 * one.probability:6.2f} %  {visible(one.label)}")
    if is_json:
        print_json({"model": str(model), "images": documents}, together.diagnostics)
    if together.has_errors:
        raise typer.Exit(SPEC_ERRORS)


def preprocess_of(model: Model) -> Preprocess:
    """The recorded steps, else a resize to the input's size; warns of what is not known."""
    from archc.runtime.preprocess import Preprocess

    record = model.record
    if record.is_trained is False:
        say("warning", "this model's weights are random: what it names means nothing")
    for key in record.damaged:
        say("warning", f"the model's property `{visible(key)}` cannot be read")
    if record.preprocess is not None:
        return record.preprocess
    shape = model.inputs[0].shape if model.inputs else ()
    sizes = tuple(size for size in shape[1:] if isinstance(size, int))
    resize = (sizes[0], sizes[1]) if len(sizes) == 2 else None
    if len(model.inputs) == 1:
        say(
            "warning",
            "the model records no preprocessing: images are "
            + (f"resized to {sizes[0]} × {sizes[1]}, " if resize else "")
            + "scaled to 0 to 1",
        )
    is_gray = shape[:1] == (1,)
    return Preprocess(resize=resize, color="gray" if is_gray else "rgb")


def _classes(
    model: Model, steps: Preprocess, image: Path, count: int, reporter: Reporter
) -> tuple[Prediction, ...] | Failed:
    import numpy as np

    from archc.runtime.image_tensor import to_tensor
    from archc.runtime.predict import is_class_scores, predict, top_k
    from archc.weights.checkpoint import file_place

    place = file_place(str(model.path))
    if len(model.inputs) != 1:
        names = ", ".join(f"`{entry.name}`" for entry in model.inputs)
        message = f"the model has {len(model.inputs)} inputs: {names}"
        helps = ("feed it from a program: `archc.session(MODEL).run(None, {…})`",)
        return reporter.error(NOT_ONE_INPUT, message, place, helps=helps)
    target = model.inputs[0]
    tensor = to_tensor(image, steps, target, reporter)
    if isinstance(tensor, Failed):
        return FAILED
    outputs = predict(model, {target.name: np.expand_dims(tensor, 0)}, reporter)
    if isinstance(outputs, Failed):
        return FAILED
    name = model.output_names[0]
    scores = outputs[name]
    if not is_class_scores(scores):
        shape = ", ".join(map(str, scores.shape))
        message = f"the output `{name}` is ({shape}), which is no list of class scores"
        help_ = f"keep it as features: `archc score MODEL IMAGES --features {name} -o FILE.parquet`"
        return reporter.error(NO_CLASSES, message, place, helps=(help_,))
    return top_k(
        scores[0], count, model.record.labels, is_probability=name in model.record.probabilities
    )


def _as_json(prediction: Prediction) -> dict[str, object]:
    return {
        "label": prediction.label,
        "index": prediction.index,
        "probability": prediction.probability,
    }
