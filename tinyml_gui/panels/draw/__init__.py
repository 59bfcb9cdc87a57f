"""The drawing beside every page, and the classes that the network sees in it."""
