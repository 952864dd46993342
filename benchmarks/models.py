"""The models that are served: files beside their recipes, in one folder that every server reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from zipfile import ZipFile

from benchmarks import graphs
from benchmarks.peers.preprocessing import Recipe

_IMAGENET = Recipe("image", "logits", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), logits=True)
_REAL_MOBILENET = Path("data/models/mobilenet_v1_0.75_224.onnx")
_PHOTOS = (Path("data/imagenet_samples"), Path("data/photos"))
RESNET_101 = (3, 4, 23, 3)


@dataclass(frozen=True)
class PictureModel:
    """A classifier of pictures: what it is called in reports, its file, and how pictures go in."""

    title: str
    content: Callable[[], bytes]
    recipe: Recipe = _IMAGENET


def picture_models(shared: Path) -> dict[str, PictureModel]:
    """The models by name; the real MobileNet only where the folder ``shared`` has it."""
    made = {
        "squeezenet": PictureModel("SqueezeNet 1.1 graph, 5 MB, random weights", graphs.squeezenet),
        "mobilenet": PictureModel("MobileNet v2 graph, 14 MB, random weights", graphs.mobilenet),
        "resnet50": PictureModel("ResNet-50 graph, 102 MB, random weights", graphs.resnet),
        "resnet101": PictureModel("ResNet-101 graph, 178 MB, random weights", lambda: graphs.resnet(RESNET_101)),
    }
    real = shared / _REAL_MOBILENET
    if real.is_file():
        recipe = Recipe("input", "probabilities", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), logits=False)
        made["mobilenet-real"] = PictureModel("MobileNet v1 0.75, 10 MB, trained", real.read_bytes, recipe)
    return made


def write_evidence(archive: Path, shared: Path) -> None:
    """Put the photos of the folder ``shared`` into a ZIP, for modes of execution to be judged on."""
    with ZipFile(archive, "w") as written:
        for path in sorted(path for folder in _PHOTOS for path in (shared / folder).iterdir()):
            if path.suffix != ".tsv":
                written.write(path, path.name)


def write_models(folder: Path, models: Iterable[tuple[str, PictureModel]]) -> None:
    """Put each model, its recipe and its form on pixels, the labels and the iris model into ``folder``."""
    (folder / "iris.onnx").write_bytes(graphs.iris())
    (folder / "labels.json").write_text(json.dumps([f"class {number}" for number in range(graphs.CLASSES)]))
    for name, model in models:
        content, recipe = model.content(), model.recipe
        (folder / f"{name}.onnx").write_bytes(content)
        (folder / f"{name}.json").write_text(json.dumps(asdict(recipe)))
        (folder / f"{name}.pixels.onnx").write_bytes(graphs.with_pixels_in(content, recipe.mean, recipe.std))
