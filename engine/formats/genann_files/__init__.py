"""Genann: dense networks as one line of text, by https://github.com/codeplea/genann."""
