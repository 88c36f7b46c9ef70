"""Image files to tensors, predictions, and the comparison of a built model with known answers."""
