"""What a network will take on a board, before it is trained; and the variant of the code that fits."""
