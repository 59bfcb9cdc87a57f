"""What the Sweep page decides: what is trained, and what its views show of the results."""
