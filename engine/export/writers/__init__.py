"""One writer per format: a model becomes text here, and only here."""
