"""Where specs are found: files, and the zoo that comes with archc."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.near_files import did_you_mean_file
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place, Source, Span
from archc.diagnostics.reporter import Failed, Reporter

NOT_FOUND = Rule(
    "spec/not-found", "there is no such spec", "a spec is a file, or a name of the zoo"
)
UNREADABLE = Rule("spec/unreadable", "a file cannot be read", "nothing can be checked before that")

SIZE_BOUND_BYTES = 16_000_000
SUFFIXES = (".yaml", ".yml")

_LINE_END = re.compile("\r\n|\r")


@cache
def zoo_folder() -> Path:
    """The folder of built-in specs: in an installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent.parent
    installed = here / "specs"
    return installed if installed.is_dir() else here.parent / "specs"


def zoo_specs() -> tuple[str, ...]:
    """The names of the built-in spec files, libraries included, in order."""
    folder = zoo_folder()
    files = sorted(folder.rglob("*.yaml"))
    return tuple(file.relative_to(folder).with_suffix("").as_posix() for file in files)


def variant_name(spec: str, variant: str) -> str:
    """The built-in name of a variant: `keras/resnet50` for `resnet50` of `keras/resnet`."""
    folder = spec.rpartition("/")[0]
    return f"{folder}/{variant}" if folder else variant


_VARIANTS = re.compile(r"^variants:\s*$(?P<body>(?:\n(?:[ #].*)?)*)", re.MULTILINE)
_VARIANT = re.compile(r"^  ([A-Za-z0-9_-]+):", re.MULTILINE)


@cache
def zoo_library(block: str) -> str | None:
    """The built-in library that defines a block, without parsing a whole file."""
    for name in zoo_specs():
        text = (zoo_folder() / f"{name}.yaml").read_text(encoding="utf-8")
        if "\nlayers:" not in text and re.search(rf"^  {re.escape(block)}:", text, re.MULTILINE):
            return name
    return None


@cache
def zoo_variants() -> dict[str, str]:
    """The built-in spec file of each variant of the zoo, without parsing a whole file."""
    found: dict[str, str] = {}
    for name in zoo_specs():
        text = (zoo_folder() / f"{name}.yaml").read_text(encoding="utf-8")
        section = _VARIANTS.search(text)
        for variant in _VARIANT.findall(section["body"]) if section else ():
            found.setdefault(variant_name(name, variant), name)
    return found


def is_file(path: Path) -> bool:
    """Whether a file is there; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def find_spec(name: str) -> tuple[Path, str | None] | None:
    """The file of a spec and the variant that its name means: a path, or a name of the zoo."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or is_file(path):
        return (path, None) if is_file(path) else None
    if (built_in := _built_in(name)) is not None:
        return built_in, None
    file = zoo_variants().get(name)
    return (zoo_folder() / f"{file}.yaml", name.rpartition("/")[2]) if file else None


def find_import(name: str, importer: Source) -> Path | None:
    """The file that an import names: relative to the importing file, or built-in."""
    relative = Path(importer.name).parent / name
    if is_file(relative):
        return relative
    return _built_in(name)


_NAME = re.compile(r"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*")


def _built_in(name: str) -> Path | None:
    """The file of the zoo that is called so, in a folder or not; no name leads out of the zoo."""
    path = zoo_folder() / f"{name}.yaml"
    return path if _NAME.fullmatch(name) and is_file(path) else None


def not_found(name: str, place: Place, reporter: Reporter) -> Failed:
    """Reports a spec that is not there, with the nearest name."""
    is_file_name = Path(name).suffix in (".yaml", ".yml")
    helps: tuple[str, ...] = ()
    if is_file_name or "/" in name:
        here = Path(place.span.file) if place.span.source.text else Path("x")
        helps = did_you_mean_file(name, base=here.parent, suffixes=SUFFIXES, but=here.name)
    helps = helps or _elsewhere(name) or did_you_mean(name, (*zoo_variants(), *zoo_specs()))
    what = "file" if is_file_name else "file or built-in spec"
    return reporter.error(
        NOT_FOUND, f"there is no {what} `{name}`", place,
        helps=helps or ("`archc list` shows the built-in specs",),
    )  # fmt: skip


def _elsewhere(name: str) -> tuple[str, ...]:
    """What else is called so, in other folders of the zoo."""
    last = name.rpartition("/")[2]
    names = dict.fromkeys((*zoo_variants(), *zoo_specs()))
    same = [f"`{other}`" for other in names if other.rpartition("/")[2] == last]
    return (f"did you mean {' or '.join(same)}?",) if same else ()


def read_source(path: Path, place: Place, reporter: Reporter) -> Source | Failed:
    """The text of a spec file."""
    try:
        if not is_file(path):
            return reporter.error(UNREADABLE, f"`{path}` is no regular file", place)
        if path.stat().st_size > SIZE_BOUND_BYTES:
            return reporter.error(UNREADABLE, f"`{path}` is too large for a spec", place)
        content = path.read_bytes()
    except OSError as error:
        message = f"`{path}` cannot be read: {(error.strerror or 'unknown reason').lower()}"
        return reporter.error(UNREADABLE, message, place)
    return decode_source(str(path), content, place, reporter)


def decode_source(name: str, content: bytes, place: Place, reporter: Reporter) -> Source | Failed:
    """The source of this name whose text is in these bytes, in UTF-8.

    Reports:
        spec/unreadable.
    """
    if len(content) > SIZE_BOUND_BYTES:
        return reporter.error(UNREADABLE, f"`{name}` is too large for a spec", place)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"byte {error.start} is {error.object[error.start]:#04x}"
        message = f"`{name}` is no UTF-8 text: {byte}"
        return reporter.error(UNREADABLE, message, place)
    return Source(name, _LINE_END.sub("\n", text))


def nowhere(name: str) -> Place:
    """The place of something that has no text: an option of a command, or a whole file."""
    return Place(Span(Source(name, ""), 1, 1, 1, 1))
