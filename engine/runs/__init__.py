"""The history of training runs: what was trained, how, what came of it, and the weights."""
