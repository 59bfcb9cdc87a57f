"""Stacks: dense networks in shared arrays, so that one call computes a layer of all of them."""
