"""Compile and run exported code, and compare its outputs with the engine's."""
