"""Loading a bundle runs no code of it: every way in is planted here, and a canary file tells whether it was taken."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import pickle
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models import make_encoder
from tests.props import quick
from tests.test_bundle import train_tiny
from textclf import bundle_check, bundle_contents
from textclf.bundle import load_bundle, read_card
from textclf.bundle_check import check_bundle
from textclf.errors import BundleError, ModelError, TextclfError
from textclf.models.encoders import load_pretrained, load_tokenizer

Plant = Callable[..., Path]


class Touch:
    """What a pickle of it does when it is read: it makes the canary."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.canary}",)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in made:
            encoder = None if kind == "tfidf" else make_encoder(tmp_path_factory.mktemp("encoder"))
            made[kind] = train_tiny(tmp_path_factory.mktemp(kind), kind, encoder=encoder)
        return made[kind]

    return get


def sign(bundle: Path) -> None:
    """Write a manifest that fits, as whoever crafts a bundle would."""
    files = sorted(f for f in bundle.rglob("*") if f.is_file() and f.name != "manifest.json")
    listed = {
        f.relative_to(bundle).as_posix(): {
            "size": f.stat().st_size,
            "sha256": hashlib.sha256(f.read_bytes()).hexdigest(),
        }
        for f in files
    }
    (bundle / "manifest.json").write_text(json.dumps(listed), encoding="utf-8")


@pytest.fixture
def plant(tmp_path: Path, bundles: Callable[[str], Path]) -> Plant:
    """Give a function that copies a bundle, puts content into a file of it, and signs the whole."""

    def make(kind: str, name: str = "", content: bytes | Callable[[bytes], bytes] = b"") -> Path:
        copy = tmp_path / "crafted"
        shutil.copytree(bundles(kind), copy)
        if name:
            file = copy / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content(file.read_bytes()))
        sign(copy)
        return copy

    return make


def changed(**keys: Any) -> Callable[[bytes], bytes]:
    """Return what puts keys into a JSON object."""
    return lambda old: json.dumps({**json.loads(old), **keys}).encode()


def refused(bundle: Path, *, says: str) -> None:
    """Assert that a bundle is refused by the check, by loading it, and by reading its card, with the same words."""
    faults = check_bundle(bundle)
    assert any(says in fault for fault in faults), faults
    for read in (load_bundle, read_card):
        with pytest.raises(BundleError) as caught:
            read(bundle)
        assert says in str(caught.value)


@pytest.mark.parametrize("kind", ["tfidf", "static", "frozen_encoder", "finetuned"])
def test_an_honest_bundle_has_no_faults(kind: str, bundles: Callable[[str], Path], plant: Plant) -> None:
    assert check_bundle(bundles(kind)) == []
    assert check_bundle(plant(kind)) == []  # signed again, as the tests below do


@pytest.mark.parametrize("ending", bundle_check.RUNS_CODE)
@pytest.mark.parametrize("place", ["model/weights", "beside"])
def test_a_file_that_can_run_code_is_refused_wherever_it_stands(ending: str, place: str, plant: Plant) -> None:
    refused(plant("tfidf", f"{place}{ending.upper()}", b"x"), says="can run code")


@pytest.mark.parametrize("name", ["model/training_args.bin", "model/pytorch_model.bin", "model/encoder/x.pkl"])
@pytest.mark.parametrize("dump", [pickle.dump, joblib.dump])
def test_a_pickle_is_not_read(name: str, dump: Callable[[Any, io.BytesIO], Any], plant: Plant, tmp_path: Path) -> None:
    canary, content = tmp_path / "canary", io.BytesIO()
    dump(Touch(canary), content)
    refused(plant("finetuned", name, content.getvalue()), says=f"{name} is a file of a kind that can run code")
    assert not canary.exists()


@pytest.mark.parametrize("name", ["model/model.safetensors", "model/config.json", "model/tokenizer.json"])
def test_a_pickle_under_another_name_is_not_read(name: str, plant: Plant, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    with pytest.raises(TextclfError):
        load_bundle(plant("finetuned", name, pickle.dumps(Touch(canary))))
    assert not canary.exists()


def test_a_call_planted_in_the_head_is_not_made(plant: Plant, tmp_path: Path) -> None:
    import skops.io

    canary = tmp_path / "canary"
    head = skops.io.dumps(functools.partial(os.system, f"touch {canary}"))
    with pytest.raises(BundleError, match="types that are not loaded"):
        load_bundle(plant("frozen_encoder", "model/head.skops", head))
    assert not canary.exists()


def without_a_part(head: Any) -> None:
    del head.estimators_[0].intercept_


def without_a_column(head: Any) -> None:
    head.estimators_[0].coef_ = head.estimators_[0].coef_[:, :-1]


def without_a_number(head: Any) -> None:
    head.estimators_[0].coef_[0, 0] = np.nan


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (without_a_part, "does not work with the encoder and scikit-learn"),
        (without_a_column, "does not work with the encoder and scikit-learn"),
        (without_a_number, "holds numbers that are not finite"),
    ],
)
def test_a_head_that_loads_and_does_not_answer_is_refused(spoil: Callable[[Any], None], says: str, plant: Plant):
    import skops.io

    def change(content: bytes) -> bytes:
        head = skops.io.loads(content, trusted=[])
        spoil(head)
        return bytes(skops.io.dumps(head))

    with pytest.raises(BundleError, match=says):
        load_bundle(plant("frozen_encoder", "model/head.skops", change))


CODE = "import pathlib\npathlib.Path({canary!r}).touch()\nclass Model: pass\n"


@pytest.mark.parametrize(
    ("file", "keys", "says"),
    [
        ("config.json", {"auto_map": {"AutoModel": "code.Model", "AutoConfig": "code.Model"}}, "'auto_map'"),
        ("config.json", {"model_type": "planted", "auto_map": {"AutoConfig": "code.Model"}}, "'auto_map'"),
        ("config.json", {"text_config": {"deep": [{"auto_map": {"AutoModel": "code.Model"}}]}}, "'auto_map'"),
        ("config.json", {"custom_pipelines": {"x": {"impl": "code.Model"}}}, "'custom_pipelines'"),
        ("config.json", {"attn_implementation": "someone/kernel"}, "'someone/kernel', which is not built in"),
        ("config.json", {"_attn_implementation": "flash_attention_2"}, "which is not built in"),
        ("config.json", {"attn_implementation": {"text": "someone/kernel"}}, "which is not built in"),
        ("config.json", {"_attn_implementation_internal": ["someone/kernel"]}, "which is not built in"),
        ("config.json", {"experts_implementation": "someone/kernel"}, "which is not built in"),
        ("config.json", {"use_kernels": True}, "'use_kernels'"),
        ("config.json", {"quantization_config": {"quant_method": "gptq"}}, "'quantization_config'"),
        ("config.json", {"backbone": "someone/weights"}, "'backbone'"),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["code.Model", None]}}, "'auto_map'"),
        ("tokenizer_config.json", {"fast_tokenizer_files": ["../tokenizer.4.json"]}, "'fast_tokenizer_files'"),
        ("tokenizer_config.json", {"auto_map": ["someone/code--code.Model", None]}, "'auto_map'"),
    ],
)
@pytest.mark.parametrize("kind", ["finetuned", "frozen_encoder"])
def test_a_config_that_leads_to_code_is_refused(
    kind: str, file: str, keys: dict[str, Any], says: str, plant: Plant, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    folder = "model" if kind == "finetuned" else "model/encoder"
    refused(plant(kind, f"{folder}/{file}", changed(**keys)), says=says)
    assert not canary.exists()


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    return make_encoder(tmp_path / "encoder")


def test_the_code_beside_a_native_encoder_is_neither_run_nor_kept(encoder: Path, tmp_path: Path) -> None:
    """A published encoder may bring code of its own for an architecture that transformers has too."""
    from transformers import AutoModel

    canary = tmp_path / "canary"
    (encoder / "code.py").write_text(CODE.format(canary=str(canary)))
    for name, value in (("config.json", {"AutoModel": "code.Model"}), ("tokenizer_config.json", ["code.Model", None])):
        (encoder / name).write_bytes(changed(auto_map=value)((encoder / name).read_bytes()))
    model, tokenizer = load_pretrained(AutoModel, encoder), load_tokenizer(encoder, max_length=64)
    for part in (model, tokenizer):
        part.save_pretrained(tmp_path / "saved")
    assert not canary.exists()
    for name in ("config.json", "tokenizer_config.json"):
        assert "auto_map" not in (tmp_path / "saved" / name).read_text()


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (
            {"model_type": "planted", "auto_map": {"AutoConfig": "code.Model"}},
            "'planted' is none that transformers",
        ),
        ({"model_type": None}, "None is none that"),
        ({"model_type": ["bert"]}, "is none that"),
        ({"attn_implementation": "someone/kernel"}, "'someone/kernel', which is not built in"),
    ],
)
def test_an_encoder_that_needs_code_is_refused(keys: dict[str, Any], says: str, encoder: Path, tmp_path: Path) -> None:
    from transformers import AutoModel

    canary = tmp_path / "canary"
    (encoder / "code.py").write_text(CODE.format(canary=str(canary)))
    (encoder / "config.json").write_bytes(changed(**keys)((encoder / "config.json").read_bytes()))
    with pytest.raises(ModelError) as caught:
        load_pretrained(AutoModel, encoder)
    assert says in str(caught.value)
    assert not canary.exists()


def test_an_architecture_that_is_not_known_is_refused_in_a_bundle(plant: Plant) -> None:
    with pytest.raises(ModelError, match="'planted' is none that transformers has"):
        load_bundle(plant("finetuned", "model/config.json", changed(model_type="planted")))


@pytest.mark.parametrize("part", ["../../outside.safetensors", "/outside.safetensors", "..", "", "none.safetensors", 7])
def test_an_index_of_weights_names_files_beside_it_alone(part: Any, plant: Plant, tmp_path: Path) -> None:
    (tmp_path / "outside.safetensors").write_bytes(tensors(a=np.zeros(1)))
    content = json.dumps({"weight_map": {"classifier.bias": part}}).encode()
    refused(plant("finetuned", "model/model.safetensors.index.json", content), says="is no file beside it")


def test_weights_in_several_files_are_no_fault(plant: Plant) -> None:
    content = json.dumps({"weight_map": {"classifier.bias": "model.safetensors"}}).encode()
    assert check_bundle(plant("finetuned", "model/model.safetensors.index.json", content)) == []


def test_an_adapter_does_not_lead_to_another_model(plant: Plant) -> None:
    content = json.dumps({"base_model_name_or_path": "someone/else", "peft_type": "LORA"}).encode()
    refused(plant("finetuned", "model/adapter_config.json", content), says="would send the loader to another model")


@pytest.mark.parametrize("inside", [True, False])
def test_a_link_is_refused(inside: bool, plant: Plant, tmp_path: Path) -> None:
    bundle = plant("tfidf")
    target = bundle / "model" / "other.json" if inside else tmp_path / "other.json"
    (bundle / "model" / "settings.json").rename(target)
    (bundle / "model" / "settings.json").symlink_to(target)
    sign(bundle)
    refused(bundle, says="model/settings.json is a link")


def test_a_linked_folder_is_refused(plant: Plant, tmp_path: Path) -> None:
    bundle = plant("frozen_encoder")
    (bundle / "model" / "encoder").rename(tmp_path / "encoder")
    (bundle / "model" / "encoder").symlink_to(tmp_path / "encoder", target_is_directory=True)
    refused(bundle, says="model/encoder is a link")


def test_a_bundle_may_itself_be_reached_by_a_link(bundles: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(bundles("tfidf"), target_is_directory=True)
    assert check_bundle(tmp_path / "latest") == []


@pytest.mark.parametrize("name", ["model/pipe.json", "textclf.json", "manifest.json"])
def test_a_pipe_is_refused_and_not_waited_for(name: str, plant: Plant) -> None:
    bundle = plant("tfidf")
    (bundle / name).unlink(missing_ok=True)
    os.mkfifo(bundle / name)
    assert check_bundle(bundle) != []
    with pytest.raises(BundleError, match="no plain file"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/hostname",
        "../outside.json",
        "model/../../outside.json",
        "model/./settings.json",
        "model//settings.json",
        "model\\settings.json",
        "C:settings.json",
        "model/settings.json ",
        "model/settings.json.",
        "model/.hidden.json",
        "elsewhere/settings.json",
        "model/set\ntings.json",
        "",
    ],
)
def test_a_name_that_is_none_of_a_file_inside_is_refused(name: str, plant: Plant, tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text("{}")
    bundle = plant("tfidf")
    (bundle / "manifest.json").write_bytes(
        changed(**{name: {"size": 2, "sha256": hashlib.sha256(b"{}").hexdigest()}})(
            (bundle / "manifest.json").read_bytes()
        )
    )
    refused(bundle, says="points out of the folder")


def test_names_that_differ_in_case_alone_are_refused(plant: Plant) -> None:
    refused(plant("tfidf", "model/Settings.json", b"{}"), says="differ in case alone")


@pytest.mark.parametrize("name", ["model/notes.md", "model/page.html", "model/settings", "model/x.yaml"])
def test_a_kind_of_file_that_no_model_writes_is_refused(name: str, plant: Plant) -> None:
    refused(plant("tfidf", name, b"x"), says="of a kind that no model writes")


def test_what_a_user_keeps_beside_the_model_is_no_fault(plant: Plant) -> None:
    bundle = plant("tfidf")
    (bundle / "notes.txt").write_text("tried on Monday")
    assert check_bundle(bundle) == []


def test_what_is_for_people_may_be_edited_or_missing(plant: Plant) -> None:
    bundle = plant("tfidf", "README.md", b"# A model")
    (bundle / "README.md").write_text("# My model")
    assert check_bundle(bundle) == []
    (bundle / "README.md").unlink()
    (bundle / ".gitattributes").touch()
    (bundle / ".git").mkdir()
    (bundle / ".git" / "hook.sh").touch()
    assert check_bundle(bundle) == []


def flattened(bundle: Path) -> Path:
    """Move a model's files to the top of its bundle."""
    for file in (bundle / "model").iterdir():
        file.rename(bundle / file.name)
    (bundle / "model").rmdir()
    sign(bundle)
    return bundle


def test_a_model_whose_files_lie_at_the_top_is_checked_alike(plant: Plant) -> None:
    bundle = flattened(plant("frozen_encoder"))
    assert check_bundle(bundle) == []
    (bundle / "notes.txt").write_text("x")
    assert check_bundle(bundle) == ["notes.txt is not in manifest.json"]
    (bundle / "notes.txt").rename(bundle / "page.html")
    assert any("no model writes" in fault for fault in check_bundle(bundle))
    (bundle / "page.html").unlink()
    config = bundle / "encoder" / "config.json"
    config.write_bytes(changed(auto_map={"AutoModel": "code.Model"})(config.read_bytes()))
    sign(bundle)
    assert any("'auto_map'" in fault for fault in check_bundle(bundle))


def test_a_card_does_not_lead_past_the_files_that_were_checked(plant: Plant) -> None:
    refused(plant("tfidf", "textclf.json", changed(layout="flat")), says="lists files of it under model/")


@pytest.mark.parametrize("where", ["manifest", "a million", "folder"])
def test_too_many_files_are_refused(where: str, plant: Plant) -> None:
    bundle = plant("tfidf")
    if where != "folder":
        number = 5_000 if where == "manifest" else 1_000_000
        listed = {f"model/{i}.json": {} for i in range(number)}
        (bundle / "manifest.json").write_text(json.dumps(listed))
    else:
        for i in range(bundle_check.MOST_FILES):
            (bundle / "model" / f"{i}.txt").touch()
    refused(bundle, says="the most is 1,000,000" if where == "a million" else "1,000")


def test_many_faults_are_told_short(plant: Plant) -> None:
    bundle = plant("tfidf")
    for i in range(100):
        (bundle / "model" / f"{i}.json").touch()
    assert len(check_bundle(bundle)) == 100
    with pytest.raises(BundleError, match="and 80 more"):
        load_bundle(bundle)


def packed(entries: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, held in entries.items():
            archive.writestr(name, held)
    return content.getvalue()


def lying(content: bytes, size: int) -> bytes:
    """Return an archive whose table of contents gives the first file another size."""
    at = content.index(b"PK\x01\x02")
    return content[: at + 24] + struct.pack("<I", size) + content[at + 28 :]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (packed({"schema.json": b"0" * 20_000_000}), "would unpack to 20,000,000"),
        (lying(packed({"schema.json": b"{}"}), 4_000_000_000), "would unpack to 4,000,000,000 bytes; the most is"),
        (packed({f"{i}.npy": b"x" for i in range(10_001)}), "holds 10,001 files"),
        (packed({"../../schema.json": b"{}"}), "path out of it"),
        (packed({"/schema.json": b"{}"}), "path out of it"),
        (b"no archive", "cannot be read"),
        (b"", "cannot be read"),
    ],
    ids=["ratio", "size", "entries", "dots", "absolute", "no archive", "empty"],
)
def test_a_head_that_unpacks_to_too_much_is_refused(content: bytes, says: str, plant: Plant) -> None:
    refused(plant("frozen_encoder", "model/head.skops", content), says=says)


@pytest.mark.parametrize("schema", [b"{}", b"[]", b"[" * 100_000, b"\xff", b'{"__class__": "x"}'])
def test_a_head_that_is_none_is_refused(schema: bytes, plant: Plant) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("schema.json", schema)
    with pytest.raises(BundleError):
        load_bundle(plant("frozen_encoder", "model/head.skops", content.getvalue()))


def tensors(**arrays: np.ndarray) -> bytes:
    from safetensors.numpy import save

    return save(arrays)


def spoilt(value: float) -> Callable[[bytes], bytes]:
    """Return what puts a number into the last place of each float tensor."""

    def change(old: bytes) -> bytes:
        from safetensors.numpy import load, save

        held = {name: array.copy() for name, array in load(old).items()}
        for array in held.values():
            if array.dtype.kind == "f" and array.size:
                array.flat[-1] = value
        return save(held)

    return change


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("tfidf", "weights.safetensors"),
        ("static", "model.safetensors"),
        ("frozen_encoder", "encoder/model.safetensors"),
        ("finetuned", "model.safetensors"),
    ],
)
def test_weights_that_are_not_finite_are_refused(kind: str, name: str, value: float, plant: Plant) -> None:
    refused(plant(kind, f"model/{name}", spoilt(value)), says="numbers that are not finite")


@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8"])
@quick
@given(values=st.lists(st.floats(width=16), max_size=40))
def test_finite_is_what_numpy_says_is_finite(kind: str, values: list[float]) -> None:
    array = np.array(values, dtype=kind)
    name = {"<f2": "F16", "<f4": "F32", "<f8": "F64"}[kind]
    assert bundle_contents._all_finite(array.view(np.uint8), name) == bool(np.isfinite(array).all())


def header(content: Any, body: bytes = b"") -> bytes:
    written = content if isinstance(content, bytes) else json.dumps(content).encode()
    return struct.pack("<Q", len(written)) + written + body


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234",
        struct.pack("<Q", 2**63) + b"{}",
        header(b"[" * 100_000),
        header([]),
        header({"a": 1}),
        header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}),
        header({"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}, b"1234"),
        header({"a": {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]}}, b"1234"),
        header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}, b"1234"),
        header({"a": {"dtype": "X9", "shape": [1], "data_offsets": [0, 4]}}, b"1234"),
        header({n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in "ab"}, b"1234"),
        header({"a": {"dtype": "F32", "shape": [1], "data_offsets": ["0", "4"]}}, b"1234"),
    ],
)
def test_a_weights_file_that_is_none_is_refused(content: bytes, plant: Plant) -> None:
    refused(plant("tfidf", "model/weights.safetensors", content), says="model/weights.safetensors")


def without(name: str) -> Callable[[bytes], bytes]:
    def change(old: bytes) -> bytes:
        from safetensors.numpy import load, save

        return save({key: array for key, array in load(old).items() if key != name}, metadata={"format": "pt"})

    return change


def replaced(**arrays: np.ndarray) -> Callable[[bytes], bytes]:
    def change(old: bytes) -> bytes:
        from safetensors.numpy import load, save

        return save({**load(old), **{k.replace("__", "."): v for k, v in arrays.items()}}, metadata={"format": "pt"})

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without("classifier.bias"), "missing, such as classifier.bias"),
        (replaced(surplus__weight=np.zeros(2, np.float32)), "unexpected, such as surplus.weight"),
        (replaced(classifier__bias=np.zeros(7, np.float32)), "classifier.bias"),
        (replaced(classifier__weight=np.zeros((3, 7), np.float32)), "classifier.weight"),
    ],
)
def test_weights_missing_left_over_or_misshapen_are_refused(
    change: Callable[[bytes], bytes], says: str, plant: Plant
) -> None:
    with pytest.raises(TextclfError) as caught:
        load_bundle(plant("finetuned", "model/model.safetensors", change))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "name", "array"),
    [
        ("tfidf", "weights.safetensors", {"coefficients": np.zeros((3, 7))}),
        ("static", "model.safetensors", {"table": np.zeros(3, np.float16)}),
        ("static", "model.safetensors", {"bias": np.zeros(4, np.float32)}),
    ],
)
def test_weights_of_a_wrong_shape_are_refused(kind: str, name: str, array: dict[str, np.ndarray], plant: Plant) -> None:
    with pytest.raises(BundleError):
        load_bundle(plant(kind, f"model/{name}", replaced(**array)))


def more_labels(old: bytes) -> bytes:
    card = json.loads(old)
    card["labels"].append({"name": "more", "definition": ""})
    card["thresholds"]["more"] = 0.5
    card["calibration"]["labels"]["more"] = dict(card["calibration"]["labels"]["fight"])
    return json.dumps(card).encode()


@pytest.mark.parametrize("kind", ["tfidf", "static", "frozen_encoder", "finetuned"])
def test_a_model_of_fewer_labels_than_its_card_has_is_refused(kind: str, plant: Plant) -> None:
    with pytest.raises(TextclfError, match=r"label|fit"):
        load_bundle(plant(kind, "textclf.json", more_labels))


NO_NUMBERS = ("NaN", "Infinity", "1e999", "null", "true", '"0.5"')


@pytest.mark.parametrize(
    ("part", "value"),
    [
        *(("threshold", value) for value in (*NO_NUMBERS, "-1", "3", "[0.5]")),
        *(("calibration", value) for value in NO_NUMBERS),
    ],
)
def test_thresholds_and_calibration_are_finite_numbers(part: str, value: str, plant: Plant) -> None:
    def change(old: bytes) -> bytes:
        card = json.loads(old)
        if part == "threshold":
            card["thresholds"]["fight"] = "HERE"
        else:
            card["calibration"]["labels"]["fight"] = {"method": "platt", "slope": "HERE", "intercept": 0.0}
        return json.dumps(card).replace('"HERE"', value).encode()

    bundle = plant("tfidf", "textclf.json", change)
    assert check_bundle(bundle) != []
    with pytest.raises(BundleError):
        load_bundle(bundle)


@pytest.mark.parametrize("part", ["thresholds", "calibration"])
def test_thresholds_and_calibration_are_those_of_the_labels(part: str, plant: Plant) -> None:
    def change(old: bytes) -> bytes:
        card = json.loads(old)
        held = card[part] if part == "thresholds" else card[part]["labels"]
        held["other"] = held.pop("fight")
        return json.dumps(card).encode()

    refused(plant("tfidf", "textclf.json", change), says=f"{part} are not those of its 3 labels")


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 200 + b"]" * 200])
@pytest.mark.parametrize("name", ["model/tokenizer.json", "model/settings.json", "model/config.json", "textclf.json"])
def test_json_nested_without_end_is_refused(name: str, content: bytes, plant: Plant) -> None:
    bundle = plant("finetuned", name, content)
    assert check_bundle(bundle) != []
    with pytest.raises(BundleError):
        load_bundle(bundle)


def test_brackets_in_the_tokens_of_a_vocabulary_are_no_nesting(plant: Plant) -> None:
    bundle = plant("tfidf", "model/settings.json", lambda old: json.dumps({**json.loads(old), "x": "[" * 300}).encode())
    assert check_bundle(bundle) == []


def test_json_of_a_senseless_size_is_refused(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LARGEST_JSON", "LARGEST_CARD"):
        assert 2**24 < getattr(bundle_contents, name) < 2**30
    monkeypatch.setattr(bundle_contents, "LARGEST_JSON", 2_000)
    refused(plant("finetuned", "model/tokenizer.json", b'"' + b"x" * 3_000 + b'"'), says="the most is 2,000")


@pytest.mark.parametrize("key", ["num_hidden_layers", "hidden_size", "vocab_size", "max_position_embeddings"])
@pytest.mark.parametrize("value", [10**12, -1])
def test_an_encoder_of_a_senseless_size_is_refused(key: str, value: int, plant: Plant) -> None:
    refused(plant("finetuned", "model/config.json", changed(**{key: value})), says=f"{key!r} is {value:,}")


@pytest.mark.parametrize("kind", ["static", "finetuned"])
@pytest.mark.parametrize("content", [b"{}", b"[]", b'{"model": {"type": "Planted"}}', b'{"version": "1.0"}'])
def test_a_tokenizer_that_is_none_is_refused(kind: str, content: bytes, plant: Plant) -> None:
    with pytest.raises(TextclfError):
        load_bundle(plant(kind, "model/tokenizer.json", content))


@pytest.mark.parametrize("kind", ["tfidf", "frozen_encoder", "finetuned"])
@quick
@given(data=st.data())
def test_any_change_to_a_card_or_config_ends_in_a_model_or_an_error(
    kind: str, data: st.DataObject, bundles: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A value anywhere in a JSON file is replaced by another; what comes is a model or a `TextclfError`."""
    copy = tmp_path_factory.mktemp("any") / "bundle"
    shutil.copytree(bundles(kind), copy)
    names = ["textclf.json", *(f.relative_to(copy).as_posix() for f in (copy / "model").rglob("*config.json"))]
    file = copy / data.draw(st.sampled_from(names))
    content = json.loads(file.read_bytes())
    place: Any = content
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not (isinstance(place[key], (dict, list)) and place[key] and data.draw(st.booleans())):
            break
        place = place[key]
    odd = st.one_of(st.none(), st.booleans(), st.integers(-3, 40), st.text(max_size=5), st.just([]), st.just({}))
    place[key] = data.draw(odd)
    file.write_text(json.dumps(content), encoding="utf-8")
    sign(copy)
    try:
        load_bundle(copy)
    except TextclfError:
        pass
    finally:
        shutil.rmtree(copy)
