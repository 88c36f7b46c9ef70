"""What passes between stages: the Layer contract, its protocols, the graph and the bound graph."""
