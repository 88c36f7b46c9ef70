"""The spec in a report of a bug: which one it was, and whether a smaller one shows the same bug."""

from __future__ import annotations

import io
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from archc.diagnostics.place import Source

Try: TypeAlias = Callable[[Source], object]
_Site: TypeAlias = tuple[type[BaseException], str, int]

_PACKAGE = f"{Path(__file__).parent.parent}{os.sep}"

_COMMANDS_WITH_SPEC = frozenset(
    ("validate", "build", "summary", "expand", "deploy", "verify", "score", "weights", "serve")
)


def spec_that_fails(error: Exception, arguments: Sequence[str]) -> tuple[str, str, bool] | None:
    """The spec of a command line that raises the same error again, or None where none does.

    It comes as its name, its text, and whether that is smaller than what was given.
    """
    from archc.cli.reduction import reduce_spec

    site = _site(error)
    for source, variant in _specs(arguments):
        for attempt in _attempts(arguments, variant):

            def crashes(text: str, source: Source = source, attempt: Try = attempt) -> bool:
                return _raises(attempt, Source(source.name, text), site)

            if crashes(source.text):
                text = reduce_spec(source.text, crashes)
                return source.name, text, text != source.text
    return None


def _site(error: BaseException) -> _Site:
    """What an error is and where archc raised it, or called what did."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if f.filename.startswith(_PACKAGE)]
    if not own or isinstance(error, RecursionError):  # whose last line is anywhere in the circle
        return type(error), "", 0
    return type(error), own[-1].filename, own[-1].lineno or 0


def _raises(attempt: Try, source: Source, site: _Site) -> bool:
    try:
        attempt(source)
    except Exception as error:
        return _site(error) == site
    return False


def _specs(arguments: Sequence[str]) -> Iterator[tuple[Source, str | None]]:
    """The specs that a command line names, with the variants that their names mean."""
    from archc.cli.standard_input import last_read
    from archc.diagnostics.reporter import Reporter
    from archc.language.library import find_spec, nowhere, read_source
    from archc.pipeline.finding import specs_in

    given = last_read()
    if given is not None and "-" in arguments:
        yield given, None
    for name in arguments[1:] if arguments and arguments[0] in _COMMANDS_WITH_SPEC else ():
        paths: tuple[Path, ...] = ()
        variant: str | None = None
        if Path(name).is_dir():
            found = specs_in(Path(name), Reporter())
            paths = found if isinstance(found, tuple) else ()
        elif not name.startswith("-") and (spec := find_spec(name)) is not None:
            paths, variant = (spec[0],), spec[1]
        for path in paths:
            source = read_source(path, nowhere(name), Reporter())
            if isinstance(source, Source):
                yield source, variant


def _attempts(arguments: Sequence[str], variant: str | None) -> Iterator[Try]:
    """What may raise the error again, the cheapest first, without writing anything."""
    from archc.diagnostics.reporter import Failed, Reporter
    from archc.pipeline.building import build_model
    from archc.pipeline.networks import Choices, validate_spec
    from archc.pipeline.reading import read_spec

    named, settings = _chosen(arguments)
    chosen = Choices(named or variant, settings)

    def validate(source: Source) -> object:
        spec = read_spec(source, Reporter())
        return spec if isinstance(spec, Failed) else validate_spec(spec, chosen, Reporter())

    def build(source: Source) -> object:
        spec = read_spec(source, Reporter())
        if isinstance(spec, Failed):
            return spec
        return build_model(spec, io.BytesIO(), Reporter(), choices=chosen)

    yield validate
    yield build


def _chosen(arguments: Sequence[str]) -> tuple[str | None, dict[str, object]]:
    """The variant and the settings of a command line, as far as they can be read."""
    from archc.diagnostics.reporter import Failed, Reporter
    from archc.stages.parse import parse

    pairs = [a.partition("=")[::2] for a in arguments if a.startswith("--")]
    after = [(a, b) for a, b in pairwise(arguments) if "=" not in a]
    variant, settings = None, dict[str, object]()
    for option, value in (*pairs, *after):
        if option == "--variant":
            variant = value
        elif option == "--set" and "=" in value:
            name, _, text = value.partition("=")
            tree = parse(Source(f"--set {name}", text), Reporter())
            if not isinstance(tree, Failed):
                settings[name.strip()] = tree
    return variant, settings
