"""Channels that can be taken out of a network, once their weights are zero."""
