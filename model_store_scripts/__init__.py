"""Commands over the registry: ``python -m model_store_scripts`` lists them.

Each is a module with a function of its own name, and runs as ``python -m model_store_scripts.NAME`` too.  Exit codes:
0 done, 1 failed or something is wrong, 2 the command was not understood.
"""

from __future__ import annotations

import os

# Before onnxruntime and bentoml are imported: nobody is called.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
