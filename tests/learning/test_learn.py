from __future__ import annotations

import filecmp
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

from preprocessing.decode import decode_image
from preprocessing.postprocess import class_probabilities
from preprocessing.transforms import to_tensor
from runners.session import OnnxSession
from serving.learning.learn import learn
from serving.learning.task import LabelledFile, Learned, LearningError, LearningTask, Progress
from tests.learning.bases import COLORS, candidate_spec, color_base, color_spec, folders, pictures, reasons, task


def silent(progress: Progress) -> None:
    """Nobody listens."""


def named(learned: Learned, data: bytes) -> str:
    """What the written file says of a picture."""
    spec = candidate_spec(learned)
    assert spec.image is not None and spec.output is not None
    session = OnnxSession(learned.model, spec, threads=1, providers=("CPUExecutionProvider",))
    answer = session.run({"image": to_tensor(decode_image(data), spec.image)[np.newaxis]})["logits"]
    return learned.labels[int(class_probabilities(answer, spec.output).argmax())]


def test_new_classes_join_and_the_old_ones_stay(tmp_path: Path) -> None:
    entries = folders(dict.fromkeys(COLORS, 12))

    learned = learn(task(tmp_path, entries), silent)

    assert learned.labels == ("red", "green", "blue", "white", "yellow")
    assert learned.accepted and learned.report.accuracy == 1.0
    assert learned.report.base.accuracy < 1.0
    assert all(named(learned, data) == color for color in COLORS for data in pictures(color, 3, seed=9))


def test_classes_without_pictures_keep_their_rows_and_the_report_says_so(tmp_path: Path) -> None:
    learned = learn(task(tmp_path, folders({"yellow": 20})), silent)

    tensors = {each.name: numpy_helper.to_array(each) for each in onnx.load(learned.model).graph.initializer}
    assert np.array_equal(tensors["lens.head.weights"][:3], 20 * np.eye(3, dtype=np.float32))
    assert "3 classes without pictures" in learned.report.data.notes[0]


def test_labels_can_be_replaced_by_those_of_the_pictures(tmp_path: Path) -> None:
    learned = learn(task(tmp_path, folders({"yellow": 10, "white": 10}), labels="replace"), silent)

    assert learned.labels == ("white", "yellow")
    assert learned.report.accuracy == 1.0


def test_one_class_alone_cannot_replace_all_others(tmp_path: Path) -> None:
    with pytest.raises(LearningError) as raised:
        learn(task(tmp_path, folders({"yellow": 10}), labels="replace"), silent)

    assert raised.value.code == "too_few_pictures"


def test_the_same_task_gives_the_same_file(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        entries = folders(dict.fromkeys(COLORS, 8))
        found.append(learn(task(tmp_path / name, entries, augment=True), silent).model)

    assert filecmp.cmp(*found, shallow=False)


def test_the_backbone_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    base = onnx.load_from_string(color_base(ending="conv-then-average"))
    base.graph.node[0].input[0] = "moved"
    base.graph.node.insert(0, onnx.helper.make_node("Add", ["image", "shift"], ["moved"]))
    base.graph.initializer.append(numpy_helper.from_array(np.array([1 / 3], np.float32), "shift"))

    learned = learn(task(tmp_path, folders({"red": 6, "yellow": 6}), base=base.SerializeToString()), silent)

    kept = {each.name: each for each in onnx.load(learned.model).graph.initializer}
    shift = next(each for each in base.graph.initializer if each.name == "shift")
    assert kept["shift"].SerializeToString() == shift.SerializeToString()


def test_a_candidate_can_be_the_next_base_and_remembers_what_it_learned(tmp_path: Path) -> None:
    first = learn(task(tmp_path, folders({"red": 12, "green": 12, "blue": 12, "white": 12})), silent)
    again = task(tmp_path, folders({"yellow": 12}), base=first.model.read_bytes())

    second = learn(again.replaced(spec=candidate_spec(first)), silent)

    assert second.labels == (*first.labels, "yellow")
    assert "memory" in second.report.data.notes[0]
    assert all(named(second, data) == color for color in COLORS for data in pictures(color, 3, seed=5))


def test_the_written_file_answers_as_the_head_that_was_trained(tmp_path: Path) -> None:
    report = learn(task(tmp_path, folders(dict.fromkeys(COLORS, 10))), silent).report

    assert report.parity.pictures == report.data.held_out
    assert report.parity.largest_difference < 1e-5


def test_nothing_is_written_outside_the_folder_and_the_cache(tmp_path: Path) -> None:
    learn(task(tmp_path, folders({"red": 4, "yellow": 4})), silent)

    assert {path.name for path in tmp_path.iterdir()} == {"job", "cache", "base.onnx"}
    assert {path.name for path in (tmp_path / "job").iterdir()} == {"pictures.zip", "candidate.onnx"}


def test_feedback_is_learned_from_like_the_archive(tmp_path: Path) -> None:
    asked = task(tmp_path, folders({"red": 6}))
    files = []
    for place, data in enumerate(pictures("yellow", 6)):
        path = asked.folder / f"{place}.png"
        path.write_bytes(data)
        files.append(LabelledFile(path=path, label="Yellow"))

    learned = learn(asked.replaced(feedback=tuple(files)), silent)

    assert learned.labels == ("red", "green", "blue", "Yellow")
    assert learned.report.data.classes == {"Yellow": 6, "red": 6}


def test_folder_names_are_the_bases_labels_whatever_their_case(tmp_path: Path) -> None:
    entries = {name.replace("red", "RED"): data for name, data in folders({"red": 4, "green": 4}).items()}

    learned = learn(task(tmp_path, entries), silent)

    assert learned.labels == ("red", "green", "blue")


def test_what_is_no_use_is_named_and_left_out(tmp_path: Path) -> None:
    good = folders({"red": 6, "green": 6, "yellow": 1})
    same = good["red/0.png"]
    entries = good | {
        "red/copy.png": same,
        "green/both.png": good["green/0.png"],
        "blue/both.png": good["green/0.png"],
        "red/text.jpg": b"not a picture",
        "red/cut.png": good["red/1.png"][:60],
        "red/empty.png": b"",
        "red/huge.png": too_large(),
    }

    data = learn(task(tmp_path, entries), silent).report.data

    found = reasons(data.issues)
    assert found["red/copy.png"] == "duplicate" or found["red/0.png"] == "duplicate"
    assert found["green/both.png"] == found["blue/both.png"] == found["green/0.png"] == "two_labels"
    assert found["red/text.jpg"] == "not_an_image"
    assert found["red/cut.png"] == "image_damaged"
    assert found["red/empty.png"] == "empty_file"
    assert found["red/huge.png"] == "image_too_large"
    assert found["yellow/0.png"] == "only_picture_of_class"
    assert data.classes == {"green": 5, "red": 6}


def too_large() -> bytes:
    """A PNG of more pixels than serving decodes."""
    out = io.BytesIO()
    Image.new("1", (10_000, 6_000)).save(out, "PNG")
    return out.getvalue()


def test_of_a_picture_on_both_sides_of_a_split_the_held_out_copy_is_used(tmp_path: Path) -> None:
    entries = {f"train/{name}": data for name, data in folders({"red": 5, "yellow": 5}).items()}
    entries |= {f"test/{name}": data for name, data in folders({"red": 2, "yellow": 2}, seed=1).items()}
    entries["test/red/again.png"] = entries["train/red/0.png"]

    data = learn(task(tmp_path, entries), silent).report.data

    assert reasons(data.issues) == {"train/red/0.png": "duplicate"}
    assert (data.training, data.held_out) == (9, 5)


def test_every_entry_that_is_no_use_is_named_however_many_there_are(tmp_path: Path) -> None:
    bad = {f"red/{place}.jpg": b"" for place in range(1500)}

    data = learn(task(tmp_path, folders({"red": 4, "yellow": 4}) | bad), silent).report.data

    assert {issue.name for issue in data.issues} == set(bad) and data.counts == {"empty_file": 1500}


def test_twenty_thousand_entries_without_a_picture_are_each_named(tmp_path: Path) -> None:
    bad = {f"red/{place}.jpg": b"" for place in range(20_000)}

    with pytest.raises(LearningError) as raised:
        learn(task(tmp_path, bad), silent)

    assert raised.value.detail is not None
    assert [each["name"] for each in raised.value.detail["issues"]] == list(bad)


def test_a_file_that_answers_otherwise_than_what_was_judged_is_not_accepted(tmp_path: Path) -> None:
    """Features so far from zero that float32 has no room for what tells them apart."""
    base = onnx.load_from_string(color_base())
    base.graph.node[-1].input[0] = "far"
    base.graph.node.insert(2, onnx.helper.make_node("Add", ["flat", "distance"], ["far"]))
    base.graph.initializer.append(numpy_helper.from_array(np.full(3, 3e4, np.float32), "distance"))

    learned = learn(
        task(tmp_path, folders({"red": 6, "yellow": 6}), base=base.SerializeToString(), gate="none"), silent
    )

    assert learned.report.parity.largest_difference > 1e-5
    assert not learned.accepted and "than what was judged" in learned.report.gate.reason


def test_too_few_pictures_are_an_error_that_names_what_was_wrong(tmp_path: Path) -> None:
    with pytest.raises(LearningError) as raised:
        learn(task(tmp_path, {"0.png": pictures("red", 1)[0], "red/1.png": b"text"}), silent)

    assert raised.value.code == "too_few_pictures"
    assert raised.value.detail is not None
    assert {each["reason"] for each in raised.value.detail["issues"]} == {"no_class_folder", "not_an_image"}


def test_swapped_labels_are_doubted_before_anything_is_learned(tmp_path: Path) -> None:
    swap = {"red": "green", "green": "red"}
    entries = {
        f"{swap[name.split('/')[0]]}/{name.split('/')[1]}": data
        for name, data in folders({"red": 8, "green": 8}).items()
    }

    with pytest.raises(LearningError) as raised:
        learn(task(tmp_path, entries), silent)

    assert raised.value.code == "suspect_labels"
    assert raised.value.detail is not None
    doubted = {each["label"]: each for each in raised.value.detail["suspicions"]}
    assert doubted["red"]["looks_like"] == "green" and doubted["red"]["doubted"] == 8
    assert "red/0.png" in doubted["red"]["pictures"]
    assert not (tmp_path / "job" / "candidate.onnx").exists()


def test_doubted_labels_are_learned_where_they_are_trusted(tmp_path: Path) -> None:
    swap = {"red": "green", "green": "red"}
    entries = {
        f"{swap[name.split('/')[0]]}/{name.split('/')[1]}": data
        for name, data in folders({"red": 8, "green": 8}).items()
    }

    report = learn(task(tmp_path, entries, trust_labels=True), silent).report

    assert {each.label for each in report.suspicions} == {"red", "green"}
    assert report.accuracy > report.base.accuracy


def test_progress_goes_through_the_phases_to_the_end(tmp_path: Path) -> None:
    heard: list[Progress] = []

    learned = learn(task(tmp_path, folders({"red": 6, "yellow": 6}), epochs=7), heard.append)

    phases = list(dict.fromkeys(each.phase for each in heard))
    assert phases == ["reading", "features", "judging_labels", "learning", "evaluating", "exporting"]
    epochs = [each for each in heard if each.phase == "learning"]
    assert 1 <= len(epochs) == len(learned.report.curves) <= 7
    assert all(each.loss is not None and each.validation_accuracy is not None for each in epochs)


@pytest.mark.parametrize("change", [lambda task: task, lambda task: task.replaced(archive=None)])
def test_an_archive_that_holds_nothing_is_refused(
    tmp_path: Path, change: Callable[[LearningTask], LearningTask]
) -> None:
    with pytest.raises(LearningError) as raised:
        learn(change(task(tmp_path, {})), silent)

    assert raised.value.code in ("bad_archive", "too_few_pictures")


def test_a_base_that_takes_no_pictures_is_refused(tmp_path: Path) -> None:
    asked = task(tmp_path, folders({"red": 4}))

    with pytest.raises(LearningError) as raised:
        learn(asked.replaced(spec=color_spec().replaced(image=None, output=None)), silent)

    assert raised.value.code == "unsupported_base"


def test_shared_zips_end_as_their_manifest_says(tmp_path: Path, shared: Path, root: Path) -> None:
    expected = {
        "bad_empty.zip": "bad_archive",
        "bad_truncated.zip": "bad_archive",
        "evil_bomb_1GiB.zip": "too_few_pictures",
        "evil_zip_slip.zip": "too_few_pictures",
        "odd_images_at_root.zip": "too_few_pictures",
        "odd_label_noise_cats_in_dog.zip": "suspect_labels",
        "odd_some_corrupt_images.zip": "learned",
        "odd_wrapped_in_top_folder_macos.zip": "learned",
        "odd_capitalised_class_names.zip": "learned",
        "odd_extra_unknown_class.zip": "learned",
        "odd_duplicate_entry_names.zip": "learned",
    }

    found = {name: _end_of(shared / "retrain_zips" / name, tmp_path, root) for name in expected}

    assert found == expected


def _end_of(archive: Path, tmp_path: Path, root: Path) -> str:
    asked = task(tmp_path, archive, epochs=1)
    image = color_spec().image
    assert image is not None
    labels = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    mean, std = (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)
    output = color_spec().output
    assert output is not None
    spec = color_spec().replaced(
        image=image.replaced(size=(32, 32), mean=mean, std=std),
        inputs=(color_spec().inputs[0].replaced(shape=("N", 3, 32, 32)),),
        output=output.replaced(classes=10),
        labels=labels,
    )
    try:
        learn(asked.replaced(model=root / "models" / "cifar10.onnx", spec=spec), silent)
    except LearningError as error:
        return error.code
    return "learned"
