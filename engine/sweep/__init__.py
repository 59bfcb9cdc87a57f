"""Sweeps: many networks from one description, trained together where that is possible, measured and kept."""
