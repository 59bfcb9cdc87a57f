"""The Sequential text format: convolutions, pooling, activation, flatten and dense layers as text.

The first line is ``width height layer_count``; each layer begins with a line that has its type's number. The
program that writes such files stores every pooled map transposed (x and y swapped), so each map behind an odd
number of poolings is the transpose of what it would be in this program. Reader and writer keep account of
that: they transpose kernels, and the weights behind flatten, so that the answers are the same.
"""
