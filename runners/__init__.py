"""Executes loaded models: ONNX Runtime session, adaptive batcher, hot swap.

Ours, and not ``bentoml.legacy.Runner``.  It takes a path and a ``ModelSpec``, never asks the registry, and so runs in
a worker, a notebook or a benchmark alike.
"""
