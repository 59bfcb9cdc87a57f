"""Boards with their memory and clock, targets on which their code can be run, and compilers for it."""
