"""Matching: which tensor of a checkpoint is which weight of a network, where names differ."""
