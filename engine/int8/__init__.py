"""int8 arithmetic as on a microcontroller, in NumPy integers: exported C equals it to the bit."""
