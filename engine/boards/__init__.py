"""Boards with their memory and clock, where code for them can be tried, and what compiles it."""
