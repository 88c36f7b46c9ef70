"""The rule for policies that change nothing."""

from __future__ import annotations

from archc.diagnostics.diagnostic import Rule

UNUSED = Rule(
    "weights/unused-policy",
    "a policy for weights changes nothing",
    "Who asks for a change expects a checkpoint that needs it; another one may have been given.",
)
