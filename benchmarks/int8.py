"""The INT8 form of a graph with random weights: for its timing alone.

Such a graph gives one class for everything, so nothing can be judged by it, and Lens would not let the form serve.
What it would be worth where it may serve can be measured all the same.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.peers.preprocessing import Recipe, decode
from benchmarks.pictures import jpeg
from serving.optimization.calibration import observe
from serving.optimization.float_graph import read_float_graph
from serving.optimization.quantization import RECIPES, quantize

_SEVEN_BITS = next(recipe for recipe in RECIPES if recipe.seven_bits)
"""Its products overflow on no processor."""


def int8_form(model: Path, recipe: Recipe) -> bytes:
    """The file ``model`` with every layer in INT8, calibrated on one made picture."""
    with TemporaryDirectory() as folder:
        graph = read_float_graph(model, Path(folder))
    observed = observe(graph, [{recipe.input: recipe.tensor(decode(jpeg()))}], threads=1)
    return bytes(quantize(graph, observed, _SEVEN_BITS, graph.layers).SerializeToString())
