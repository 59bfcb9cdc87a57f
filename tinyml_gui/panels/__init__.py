"""Widgets, one per file; a view model without Qt decides what a panel shows."""
