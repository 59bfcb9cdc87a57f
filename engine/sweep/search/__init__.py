"""Searches: a space of networks, of which a sampler tries some, led by the results of those before."""
