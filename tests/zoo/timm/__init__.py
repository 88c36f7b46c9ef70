"""The zoo in timm's flavour, `specs/timm/`, against the networks of timm."""
