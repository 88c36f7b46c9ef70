"""Places in a spec, rules, diagnostics, and how they are shown."""
