"""Training: a run from its settings to its last event, and the evaluation of networks."""
