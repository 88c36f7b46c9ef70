"""The surface of the language: trees with places, expressions, parameters, and a spec's parts."""
