"""Real servers: starting them, proving what they serve, and calling them."""
