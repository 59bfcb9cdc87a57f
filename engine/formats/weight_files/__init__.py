"""Weights without a network: PyTorch's state dicts and Keras's files, for a network that the user names.

A file gives arrays by name. `matching` makes of them one group for each layer, and gives each group to the
layer of the network whose arrays have the same names and shapes. `conventions` knows what PyTorch and Keras
call an array, and in which order its axes and features are.
"""
