"""What is said about a graph: cost, receptive field, summary, expansion."""
