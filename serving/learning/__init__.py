"""Learning from pictures: a new last layer for a model that is already there.

Pure: NumPy, ONNX and ONNX Runtime.  It knows no jobs, no registry and no HTTP; everything it reads and writes lies in
the folder that its task names.
"""
