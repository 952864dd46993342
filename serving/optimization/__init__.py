"""Faster ways to run a model, each judged against the exact one before it may serve.

In the server's own process: which modes to try, and what became of them.

candidates     which modes can exist here             budget       what trying them may use
optimizer      tries all, registers those that pass   mode_search  tries one, within its time
trial_client   its steps, each in a limited child     attempt      what is known of it so far
judging        what may be objected                   report       what is told of it

In the child (``trial``), where a stranger's file may do what it likes:

evidence       pictures: read, and parted in two      pictures     as the model is fed with them
int8_trial     makes an INT8 file                     mode_trial   judges a mode; timing times it, in pairs
float_graph    a model made ready to be quantized     calibration  what its tensors hold
int8_search    recipe and fp32 layers, by measurement sensitivity  which layers those have to be
quantization   the INT8 file by one recipe            bias_correction, float_layers  what ONNX Runtime's lacks
"""
