"""Flash, RAM and time of a network on a board, known before training; and which variant of the code fits."""
