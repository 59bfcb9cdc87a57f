"""The drawing surface: its strokes, rendered for the eye and for the network; what is dropped on it."""
