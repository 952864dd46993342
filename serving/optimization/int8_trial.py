"""The task "int8" of the optimizer's child: writes the INT8 form of a model that is worth judging."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from preprocessing.spec import ModelSpec
from serving.confinement.inside import Request
from serving.errors import ServiceError
from serving.optimization.calibration import observe
from serving.optimization.evidence import read_evidence
from serving.optimization.float_graph import FloatGraph, NotQuantizable, opset_of, read_float_graph
from serving.optimization.int8_search import Found, Int8Search
from serving.optimization.pictures import Feed, picture_feeds
from serving.optimization.report import Made


def make_int8(request: Request) -> dict[str, Any]:
    """Write the INT8 form of ``path`` to ``target``; answers its file format, and how it was made.

    Raises:
        ServiceError: it has no INT8 form, or there are no pictures to calibrate one on.
    """
    started = time.monotonic()
    spec = ModelSpec.model_validate(request["spec"]).replaced(fused=False)
    target, threads = Path(request["target"]), int(request["threads"])
    evidence = read_evidence([Path(source) for source in request["pictures"]])
    feeds = list(picture_feeds(evidence.calibration, spec))
    if not feeds:
        raise ServiceError("bad_request", "There are too few pictures to calibrate INT8 on.")
    graph = _graph(Path(request["path"]), target.parent)
    found = Int8Search(
        graph,
        observe(graph, (_full_rows(feed, spec) for feed in feeds), threads=threads),
        spec,
        feeds,
        threads=threads,
        target=float(request["target_error"]),
        deadline=started + float(request["seconds"]),
    ).run()
    target.write_bytes(found.model.SerializeToString())
    return _told(found, graph, calibrated_on=len(feeds)).model_dump()


def _graph(path: Path, folder: Path) -> FloatGraph:
    try:
        return read_float_graph(path, folder)
    except NotQuantizable as reason:
        raise ServiceError("invalid_model", str(reason)) from None


def _full_rows(feed: Feed, spec: ModelSpec) -> Feed:
    """The feed with as many rows as a model of a fixed batch takes."""
    if spec.batch != "fixed" or not spec.batch_size:
        return feed
    return {name: array.repeat(spec.batch_size, axis=0) for name, array in feed.items()}


def _told(found: Found, graph: FloatGraph, *, calibrated_on: int) -> Made:
    settings = {
        "weights": found.recipe.name,
        "layers": len(graph.layers),
        "kept_in_fp32": list(found.kept),
        "calibrated_on": calibrated_on,
    }
    return Made(opset=opset_of(found.model), ir_version=found.model.ir_version, settings=settings)
