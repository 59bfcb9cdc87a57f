"""Learning: a run from its settings to its last event, and what measures it."""
