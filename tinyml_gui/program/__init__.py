"""The application from its start to its end: what may be missing, crashes, signals, the self-test."""
