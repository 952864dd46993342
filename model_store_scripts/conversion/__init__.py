"""Models of other frameworks, made into ONNX files that answer the same.

The frameworks are optional extras and heavy, and some of their files can run code: each is only ever imported in a
child process of its own, ``python -m`` one of ``keras_child``, ``torch_child`` and ``sklearn_child``.
"""
