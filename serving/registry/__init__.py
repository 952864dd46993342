"""What exists: versions of models, their artefacts, and which of them is live."""
