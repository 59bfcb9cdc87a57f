"""Exported code, compiled and run, compared with the engine stage by stage."""
