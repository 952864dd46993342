"""The models that are served: files beside their recipes, in one folder that every server reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from zipfile import ZipFile

from benchmarks import graphs
from benchmarks.learned import KINDS, learned_resnet, write_unseen
from benchmarks.peers.preprocessing import Recipe

_IMAGENET = Recipe("image", "logits", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), logits=True)
_REAL_MOBILENET = Path("data/models/mobilenet_v1_0.75_224.onnx")
_CIFAR = Path("data/cifar10")
_PHOTOS = (Path("data/imagenet_samples"), Path("data/photos"))
_NUMBERED = tuple(f"class {number}" for number in range(graphs.CLASSES))


@dataclass(frozen=True)
class PictureModel:
    """A classifier of pictures.

    Attributes:
        title: what it is called in reports.
        content: makes its file.
        recipe: how pictures go in.
        labels: one a class.
        write_evidence: puts pictures that its modes of execution are judged on into a ZIP; None where there are none
            that would tell anything.
    """

    title: str
    content: Callable[[], bytes]
    recipe: Recipe = _IMAGENET
    labels: Sequence[str] = _NUMBERED
    write_evidence: Callable[[Path], None] | None = None


def picture_models(shared: Path) -> dict[str, PictureModel]:
    """The models by name; what is real about them, only where the folder ``shared`` has it."""
    made = {
        "squeezenet": PictureModel("SqueezeNet 1.1 graph, 5 MB, random weights", graphs.squeezenet),
        "mobilenet": PictureModel("MobileNet v2 graph, 14 MB, random weights", graphs.mobilenet),
        "resnet50": PictureModel("ResNet-50 graph, 102 MB, random weights", graphs.resnet),
        "resnet101": PictureModel(
            "ResNet-101 graph, 178 MB, random weights", partial(graphs.resnet, graphs.RESNET_101)
        ),
    }
    cifar, real = shared / _CIFAR, shared / _REAL_MOBILENET
    if cifar.is_dir():
        made["resnet50"] = PictureModel(
            "ResNet-50 graph, 94 MB, random weights but for the last layer, which was learned on CIFAR-10",
            partial(learned_resnet, cifar, _IMAGENET),
            labels=KINDS,
            write_evidence=partial(write_unseen, cifar),
        )
    if real.is_file():
        recipe = Recipe("input", "probabilities", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), logits=False)
        made["mobilenet-real"] = PictureModel(
            "MobileNet v1 0.75, 10 MB, trained", real.read_bytes, recipe, write_evidence=partial(write_photos, shared)
        )
    return made


def write_photos(shared: Path, archive: Path) -> None:
    """Put the photos of the folder ``shared`` into a ZIP."""
    with ZipFile(archive, "w") as written:
        for path in sorted(path for folder in _PHOTOS for path in (shared / folder).iterdir()):
            if path.suffix != ".tsv":
                written.write(path, path.name)


def write_models(folder: Path, models: Iterable[tuple[str, PictureModel]]) -> None:
    """Put each model, its recipe, its labels and its form on pixels, and the iris model into ``folder``."""
    (folder / "iris.onnx").write_bytes(graphs.iris())
    for name, model in models:
        content, recipe = model.content(), model.recipe
        (folder / f"{name}.onnx").write_bytes(content)
        (folder / f"{name}.json").write_text(json.dumps(asdict(recipe)))
        (folder / f"{name}.labels.json").write_text(json.dumps(list(model.labels)))
        (folder / f"{name}.pixels.onnx").write_bytes(graphs.with_pixels_in(content, recipe.mean, recipe.std))
