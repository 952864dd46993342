"""Faster ways to run a model, each judged against the exact one before it may serve.

candidates       which modes can exist here                 report        what is told of each
evidence         pictures: read, and parted in two          judging       how close its answers are; what objects
timing           paired runs                                optimizer     tries every mode, keeps those that pass
trial            the limited child that does the work       float_graph   a model made ready to be quantized
calibration      what its tensors hold                      quantization  the INT8 file by one recipe
bias_correction  the mean error of rounded weights          float_layers  layers that stay in fp32, and do stay
sensitivity      which layers those have to be              int8_search   recipe and layers, by measurement

Only ``optimizer``, ``candidates``, ``judging`` and ``report`` run in the server's own process.
"""
