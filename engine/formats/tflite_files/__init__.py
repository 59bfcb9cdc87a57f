"""TensorFlow Lite files, in and out: graph and operators of a file, the interpreter's integers, writing.

The package ``tflite``, which knows the schema, is imported when a file is read or written, not before.
"""
