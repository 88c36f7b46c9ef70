"""Many pictures to predictions or features: on one machine, or as actors of Ray."""
