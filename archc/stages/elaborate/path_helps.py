"""What helps where a path leads nowhere: what its scope has, or the last layer above."""

from __future__ import annotations

from archc.language.scope import Flowing, Scope
from archc.language.tree import shown

SHOWN_NAMES = 6
"""Names that are listed of a scope."""


def scope_help(path: str, scope: Scope) -> tuple[str, ...]:
    """The layers of the scope that all but the last part of a path names, or no help."""
    first, _, last = path.rpartition(".")
    found = scope.find(first) if first and last else None
    inner = found[1].scope if found is not None else None
    if inner is None or not inner.names:
        return ()
    names = [f"`{shown(first)}.{name}`" for name in inner.names]
    more = ", …" if len(names) > SHOWN_NAMES else ""
    return (f"in `{shown(first)}` there are {', '.join(names[:SHOWN_NAMES])}{more}",)


def last_help(scope: Scope, inputs: int) -> tuple[str, ...]:
    """The last layer of a scope that is computed, or no help; the first values are inputs."""
    computed = (
        name
        for name, named in scope.names.items()
        if isinstance(named.flow, Flowing) and named.flow.id >= inputs
    )
    last = next(reversed(list(computed)), "")
    return (f"the last layer above is `{last}`",) if last else ()
