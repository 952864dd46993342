"""How the embedded model was made: a small CIFAR-10 classifier, trained from nothing and exported to ONNX.

``python -m training`` does it, ``notebooks/train_cifar10.ipynb`` shows it.  It needs requirements-train.txt; the
service needs none of this.
"""
