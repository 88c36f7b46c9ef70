"""The models that are measured, and how: options of `archc bench` and `archc profile`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from archc.cli.options import whole_number
from archc.cli.report import SPEC_ERRORS, end_on_errors
from archc.cli.terminal import say
from archc.diagnostics.reporter import FAILED, Failed, Reporter

if TYPE_CHECKING:
    from archc.runtime.model import Model

SPEC_SUFFIXES = (".yaml", ".yml")

SizeOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--size",
        metavar="NAME=N",
        help="The size of an open axis of the inputs. May be given several times.  [default: the "
        "recorded one]",
    ),
]


def numbers(option: str, text: str) -> tuple[int, ...]:
    """What an option gives: whole numbers of at least 1, separated by commas.

    Raises:
        typer.BadParameter: the text has others.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        message = (
            f"`{option} {text}` is no list of whole numbers of 1 or more, such as `{option} 1,8`"
        )
        raise typer.BadParameter(message)
    return tuple(dict.fromkeys(map(int, parts)))


def sizes_of(given: Sequence[str] | None) -> dict[str, int]:
    """The sizes of `--size NAME=N`.

    Raises:
        typer.BadParameter: one is no such pair, or a name is given twice.
    """
    found: dict[str, int] = {}
    read = whole_number(1)
    for text in given or ():
        name, is_pair, value = text.partition("=")
        if not is_pair or not name.strip():
            raise typer.BadParameter(f"`--size {text}` is no `--size NAME=N`")
        if name.strip() in found:
            raise typer.BadParameter(f"`--size` gives `{name.strip()}` twice")
        found[name.strip()] = read(value.strip())
    return found


@contextmanager
def model_files(names: Sequence[str]) -> Iterator[dict[str, Path]]:
    """The model file of each name; a spec is built first, with random weights.

    Raises:
        typer.Exit: a spec has errors, which are shown.
    """
    import tempfile

    with tempfile.TemporaryDirectory(prefix="archc-") as folder:
        found: dict[str, Path] = {}
        reporter = Reporter()
        for i, name in enumerate(dict.fromkeys(names)):
            if not _is_spec(name):
                found[name] = Path(name)
                continue
            target = Path(folder) / f"{i}.onnx"
            if isinstance(_build(name, target, reporter), Failed):
                continue
            say("note", f"`{name}` is built with random weights")
            found[name] = target
        end_on_errors(reporter)
        yield found


def opened(files: dict[str, Path], threads: int) -> dict[str, Model]:
    """The models, loaded and ready to run.

    Raises:
        typer.Exit: one cannot be loaded; what is wrong is shown.
    """
    from archc.runtime.model import open_model

    reporter = Reporter()
    models = {name: open_model(path, reporter, threads=threads) for name, path in files.items()}
    end_on_errors(reporter)
    found = {name: model for name, model in models.items() if not isinstance(model, Failed)}
    if len(found) < len(models):
        raise typer.Exit(SPEC_ERRORS)
    return found


def _is_spec(name: str) -> bool:
    """Whether a name is that of a spec: by its ending, or because a built-in one is called so."""
    path = Path(name)
    if path.suffix.lower() in SPEC_SUFFIXES:
        return True
    return not path.exists() and not path.suffix and len(path.parts) == 1


def _build(name: str, target: Path, reporter: Reporter) -> object | Failed:
    from archc.pipeline.building import build_model
    from archc.pipeline.networks import Choices
    from archc.pipeline.reading import load_spec

    spec = load_spec(name, reporter)
    if isinstance(spec, Failed):
        return FAILED
    return build_model(spec, target, reporter, choices=Choices())
