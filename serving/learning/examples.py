"""The pictures of a task, each with its features, its label and its part; what is no use is named and left out."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from preprocessing.digest import sha256_hex
from preprocessing.errors import InputError
from serving.learning.archive import Found, Limits, Part, Unreadable, open_archive, shown
from serving.learning.class_names import is_class_name, same_classes
from serving.learning.extractor import Extractor
from serving.learning.feature_cache import FeatureCache, Seen
from serving.learning.report import Issue
from serving.learning.task import LearningError, LearningTask, Progress, Tell

FEWEST = 2
"""Pictures of a class that is learned: one to learn from, one to judge on."""


@dataclass(frozen=True, slots=True)
class Example:
    """One picture: the digest of its pixels (hex), and its features, float32 [features]."""

    name: str
    label: str
    pixels: str
    features: np.ndarray
    read: Callable[[], bytes]
    part: Part | None = None


@dataclass(slots=True)
class Examples:
    """What can be learned from, in order of digests, and what cannot."""

    examples: list[Example]
    issues: list[Issue] = field(default_factory=list)


@contextmanager
def open_pictures(task: LearningTask, limits: Limits | None = None) -> Iterator[tuple[list[Found], list[Issue]]]:
    """Every file of the archive and of the feedback that may be a picture, with its label in the base's spelling."""
    feedback = [_from_file(each.path, each.label) for each in task.feedback]
    if task.archive is None:
        yield _named(feedback, [], task)
        return
    with open_archive(task.archive, limits) as listing:
        yield _named([*listing.found, *feedback], list(listing.issues), task)


def collect(
    found: Sequence[Found], issues: list[Issue], extractor: Extractor, cache: FeatureCache, tell: Tell
) -> Examples:
    """Look at every picture once; those that cannot be used are added to the issues.

    Raises:
        LearningError: ``too_few_pictures``, no class has two pictures that can be read.
    """
    examples: list[Example] = []
    waiting: list[tuple[Found, str, str, np.ndarray]] = []
    for place, each in enumerate(found):
        try:
            seen, digest, pixels, tensor = _look(each, extractor, cache)
        except (Unreadable, InputError) as error:
            issues.append(Issue(name=each.name, reason=_reason(error)))
        else:
            if seen is not None:
                examples.append(_example(each, seen))
            else:
                waiting.append((each, digest, pixels, tensor))
        if len(waiting) == extractor.batch or place == len(found) - 1:
            examples += _extracted(waiting, extractor, cache)
            waiting.clear()
            tell(Progress(phase="features", done=place + 1, total=len(found)))
    cache.save()
    return _usable(examples, issues)


def _look(each: Found, extractor: Extractor, cache: FeatureCache) -> tuple[Seen | None, str, str, np.ndarray]:
    data = each.read()
    digest = sha256_hex(data)
    seen = cache.get(digest)
    if seen is not None:
        return seen, digest, seen.pixels, seen.features
    picture = extractor.decode(data)
    return None, digest, _pixel_digest(picture), extractor.tensor(picture)


def _extracted(
    waiting: Sequence[tuple[Found, str, str, np.ndarray]], extractor: Extractor, cache: FeatureCache
) -> list[Example]:
    features = extractor.features([tensor for *_, tensor in waiting])
    examples = []
    for (each, digest, pixels, _), vector in zip(waiting, features, strict=True):
        seen = Seen(pixels, vector)
        cache.put(digest, seen)
        examples.append(_example(each, seen))
    return examples


def _example(found: Found, seen: Seen) -> Example:
    return Example(found.name, found.label, seen.pixels, seen.features, found.read, found.part)


def _pixel_digest(picture: Image.Image) -> str:
    digest = hashlib.sha256(repr(picture.size).encode())
    digest.update(picture.tobytes())
    return digest.hexdigest()


def _reason(error: Unreadable | InputError) -> str:
    return str(error.args[0]) if isinstance(error, Unreadable) else error.code


def _from_file(path: Path, label: str) -> Found:
    return Found(shown(path.name), label, partial(_bytes_of, path))


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise Unreadable("damaged_entry") from None


def _named(found: Iterable[Found], issues: list[Issue], task: LearningTask) -> tuple[list[Found], list[Issue]]:
    good = [each for each in found if is_class_name(each.label)]
    issues += [Issue(name=each.name, reason="bad_class_name") for each in found if not is_class_name(each.label)]
    labels = same_classes({each.label for each in good}, task.spec.labels or ())
    return [replace(each, label=labels[each.label]) for each in good], issues


def _usable(examples: Sequence[Example], issues: list[Issue]) -> Examples:
    kept = _without_small_classes(_each_once(examples, issues), issues)
    if not kept:
        raise LearningError(
            "too_few_pictures",
            f"No class has {FEWEST} pictures that can be read: send a folder of pictures for each class.",
            {"issues": [issue.model_dump() for issue in issues]},
        )
    return Examples(sorted(kept, key=lambda each: (each.pixels, each.name)), issues)


def _each_once(examples: Sequence[Example], issues: list[Issue]) -> list[Example]:
    """One of each picture; none of those that have two labels.  Of a ready split the held-out copy stays."""
    copies: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        copies[example.pixels].append(example)
    kept: list[Example] = []
    for same in copies.values():
        if len({each.label for each in same}) > 1:
            issues += [Issue(name=each.name, reason="two_labels") for each in same]
            continue
        first = next((each for each in same if each.part == "held_out"), same[0])
        kept.append(first)
        issues += [Issue(name=each.name, reason="duplicate") for each in same if each is not first]
    return kept


def _without_small_classes(examples: Sequence[Example], issues: list[Issue]) -> list[Example]:
    counts = Counter(example.label for example in examples)
    issues += [
        Issue(name=each.name, reason="only_picture_of_class") for each in examples if counts[each.label] < FEWEST
    ]
    return [each for each in examples if counts[each.label] >= FEWEST]
