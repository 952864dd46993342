"""What is found out about an uploaded model: from its declarations, its graph, its notes, and by running it.

    onnx_file        parsed, and refused where it cannot run here
    graph_evidence   hints from the operators                file_notes     hints from the metadata
    model_facts      all that is known before it runs        probe          a loaded model, tried out
    picture_input    how it may be fed pictures              pixel_scale    and how their pixels are scaled
    class_scores     which output says the class             made_up        features to try on other models
    batching         whether rows leave each other alone     believed_outputs  shapes as answers show them
    fusion_trial     whether the scaling may be done in the graph
    picture_model    the spec of a classifier of pictures    feature_model  the spec of any other model

Everything that runs the model belongs into the sandbox's child.
"""
