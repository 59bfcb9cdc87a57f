"""TinyML Studio: draw, see it classified, train, export C. The Qt side; `engine` does the work."""
