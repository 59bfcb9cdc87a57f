"""Every measure and colour, and the building blocks made of them."""
