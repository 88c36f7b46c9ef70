"""The stages in order. Read this package first.

    spec.yaml ─ parse ─► Tree ─ read ─► SpecFile ─ elaborate ─► Graph ─ bind ─► BoundGraph
              ─ lower ─► ModelDef ─ rewrite ─► ModelDef ─ write ─► model.onnx

`reading` goes from a name to a spec, `networks` from there to a typed graph, `building` to a
model, `deploying` to a package for a server. Every mistake on the way is a diagnostic in the
reporter, and nothing is written then. `archc.api` wraps these functions for Python programs and
raises `SpecError` instead.
"""
