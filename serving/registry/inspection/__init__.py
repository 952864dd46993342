"""What is found out about an uploaded model: from its declarations, its graph, its notes, and by running it.

    onnx_file       parsed, and refused where it cannot run here      graph_evidence  hints from the operators
    file_notes      hints from the metadata                           model_facts     the three together
    probe           a loaded model, tried out                         class_scores    which output says the class
    picture_input   how it may be fed pictures                        pixel_scale     and how their pixels are scaled
    picture_model   the spec of a classifier of pictures              feature_model   the spec of any other model

Everything that runs the model belongs into the sandbox's child.
"""
