"""The drawing page."""
