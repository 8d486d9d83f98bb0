"""Exported models: the same answers as the model they came from, with neither torch nor transformers."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import make_articles
from tests.models import make_encoder
from tests.test_bundle import TEXTS, train_tiny
from textclf.adapt import adapt_labelled
from textclf.bundle import load_bundle
from textclf.cli import main
from textclf.errors import BundleError, DataError, ModelError, TextclfWarning
from textclf.export import export
from textclf.labels import LabelSet
from textclf.models.exported import GRAPH, Exported, ExportedOptions
from textclf.models.onnx_encoders import classifier_graph
from textclf.models.onnx_quantizing import linear_layers, plan_layers, quantized
from textclf.models.onnx_traced import traced_classifier
from textclf.models.pooling import make_pooled
from textclf.models.running import distinct, padded, run_batches
from textclf.models.runtimes import open_all_outputs, open_graph

LONG = " ".join(["shells fell near the bridge. envoys met the elders."] * 30)
ODD = ["", "   ", "—", "🙂🙂", "a" * 500, LONG, "shells\x00fell", "\ud800 shells"]
Bundles = Callable[[str], Path]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    made: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in made:
            encoder = None if kind == "tfidf" else make_encoder(tmp_path_factory.mktemp("encoder"))
            made[kind] = train_tiny(tmp_path_factory.mktemp(kind), kind, encoder=encoder)
        return made[kind]

    return get


@pytest.fixture(scope="module")
def integers(bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(bundles("finetuned"), tmp_path_factory.mktemp("int8") / "m", int8=True, most_flips=1.0).path


@pytest.mark.parametrize("kind", ["finetuned", "frozen_encoder", "setfit"])
def test_an_exported_model_answers_as_the_one_it_came_from(bundles: Bundles, tmp_path: Path, kind: str) -> None:
    made = export(bundles(kind), tmp_path / "m")
    before, after = load_bundle(bundles(kind)), load_bundle(tmp_path / "m")
    texts = [*TEXTS, *ODD]
    np.testing.assert_allclose(after.predict_proba(texts), before.predict_proba(texts), atol=1e-5)
    assert after.predict(texts) == before.predict(texts)
    assert after.labels == before.labels
    assert after.count_windows(texts) == before.count_windows(texts)
    np.testing.assert_array_equal(after.thresholds, before.thresholds)
    assert made.drift is not None
    assert made.drift.flips == 0
    assert made.drift.paragraphs > 0


@pytest.mark.parametrize("long_texts", ["max", "mean", "first"])
@pytest.mark.parametrize("kind", ["finetuned", "frozen_encoder"])
def test_long_texts_and_contexts_are_read_as_before(
    bundles: Bundles, tmp_path: Path, kind: str, long_texts: Any
) -> None:
    before = load_bundle(bundles(kind)).predictor
    before.options = before.options.model_copy(update={"long_texts": long_texts})  # type: ignore[attr-defined]
    drawing = before.draw()  # type: ignore[attr-defined]
    after = _opened(drawing, before.labels, tmp_path)
    texts, contexts = [LONG, *TEXTS], ["the elders", "", LONG, "a bridge"]
    np.testing.assert_allclose(after.predict_proba(texts, contexts), before.predict_proba(texts, contexts), atol=1e-5)


@pytest.mark.parametrize("pooling", ["cls", "mean", "attention"])
def test_every_pooling_is_drawn(tmp_path: Path, pooling: Any) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    torch.manual_seed(0)
    folder = make_encoder(tmp_path / "encoder")
    model = make_pooled(AutoModel.from_pretrained(folder), pooling=pooling, n_labels=3).eval()
    graph = classifier_graph(model, pooling=pooling, inputs=["input_ids", "attention_mask"])
    assert_same_logits(model, AutoTokenizer.from_pretrained(folder), graph, tmp_path)


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta", "camembert"])
@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
def test_the_family_of_roberta_is_drawn(tmp_path: Path, family: str, activation: str) -> None:
    import torch
    import transformers

    torch.manual_seed(0)
    tokenizer = transformers.AutoTokenizer.from_pretrained(make_encoder(tmp_path / "encoder"))
    config = transformers.AutoConfig.for_model(
        family,
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=80,
        hidden_act=activation,
        num_labels=3,
        pad_token_id=0,
    )
    model = transformers.AutoModelForSequenceClassification.from_config(config).eval()
    graph = classifier_graph(model, pooling="native", inputs=["input_ids", "attention_mask"])
    assert_same_logits(model, tokenizer, graph, tmp_path)


@pytest.mark.parametrize("family", ["distilbert", "modernbert"])
def test_other_architectures_are_traced(tmp_path: Path, family: str) -> None:
    import torch
    import transformers

    torch.manual_seed(0)
    tokenizer = transformers.AutoTokenizer.from_pretrained(make_encoder(tmp_path / "encoder"))
    shared = {"vocab_size": len(tokenizer), "max_position_embeddings": 80, "num_labels": 3, "pad_token_id": 0}
    sizes = {
        "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48},
        "modernbert": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
        | {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3},
    }
    config = transformers.AutoConfig.for_model(family, **shared, **sizes[family])
    model = transformers.AutoModelForSequenceClassification.from_config(config).eval()
    names = ["input_ids", "attention_mask"]
    graph = traced_classifier(model, inputs=names)
    assert_same_logits(model, tokenizer, graph, tmp_path)
    inputs = [padded([{"input_ids": [2, 5, 6, 7, 3]}], names=names, padding=0)]
    assert len(linear_layers(graph)) >= 8
    assert linear_layers(quantized(graph, plan_layers(graph, open_all_outputs, inputs))) == {}


def test_another_architecture_is_refused_by_name(tmp_path: Path) -> None:
    import transformers

    config = transformers.DistilBertConfig(vocab_size=50, dim=16, n_layers=1, n_heads=2, hidden_dim=16)
    model = transformers.DistilBertForSequenceClassification(config)
    with pytest.raises(ModelError, match="distilbert"):
        classifier_graph(model, pooling="native", inputs=["input_ids", "attention_mask"])


def test_kinds_without_an_encoder_are_refused_with_advice(bundles: Bundles, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="tfidf and static run without torch"):
        export(bundles("tfidf"), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_model_is_not_exported_onto_itself(bundles: Bundles) -> None:
    with pytest.raises(BundleError, match="another folder"):
        export(bundles("finetuned"), bundles("finetuned"))


def test_an_exported_model_loads_neither_torch_nor_transformers(integers: Path) -> None:
    code = """
        import sys, textclf
        model = textclf.load(sys.argv[1])
        print(model.predict(["shells fell near the bridge."]), file=sys.stderr)
        print(*sorted({"torch", "transformers", "sklearn", "skops", "scipy", "onnx"} & set(sys.modules)))
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(integers)], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == ""


def test_integers_stay_close_and_say_how_close(bundles: Bundles, integers: Path) -> None:
    before, after = load_bundle(bundles("finetuned")), load_bundle(integers)
    apart = np.abs(after.predict_proba(TEXTS) - before.predict_proba(TEXTS)).max()
    assert 0 < apart < 0.1
    told = after.card["export"]
    assert told["int8"]
    assert told["integer_layers"] == told["layers"] > 0
    assert told["drift"]["decisions"] == 3 * told["drift"]["paragraphs"] > 0
    assert told["from"]["kind"] == "finetuned"
    assert (integers / "model" / GRAPH).read_bytes().count(b"DequantizeLinear") > 0


@pytest.mark.parametrize(("levels", "able", "told"), [(127, False, True), (127, True, False), (63, False, False)])
def test_integers_of_another_processor_are_told_of(
    integers: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    levels: int,
    able: bool,
    told: bool,
) -> None:
    model: Any = load_bundle(integers).predictor
    monkeypatch.setattr("textclf.models.exported.multiplies_bytes", lambda: able)
    caplog.clear()
    options = model.options.model_copy(update={"weight_levels": levels})
    found = Exported.load(model.folder, model.labels, options, seed=0).predict_proba(TEXTS)
    assert ("Export the model here again" in caplog.text) == told
    np.testing.assert_array_equal(found, model.predict_proba(TEXTS))


def test_a_processor_without_byte_products_gets_smaller_weights_and_that_is_said(
    bundles: Bundles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import onnx

    monkeypatch.setattr("textclf.export.multiplies_bytes", lambda: False)
    monkeypatch.setattr("textclf.models.exported.multiplies_bytes", lambda: False)
    caplog.set_level("INFO")
    made = export(bundles("finetuned"), tmp_path / "m", int8=True, most_flips=1.0)
    assert "half as large" in caplog.text
    assert "another processor" not in caplog.text
    assert made.model.card["export"]["weight_levels"] == 63
    weights = onnx.load(made.path / "model" / GRAPH).graph.initializer
    greatest = [np.abs(onnx.numpy_helper.to_array(w).astype(int)).max() for w in weights if w.name.endswith("int8")]
    assert max(greatest) == 63


def test_a_text_of_a_million_tokens_is_read_to_where_texts_are_cut(integers: Path) -> None:
    model = load_bundle(integers)
    text = "shells fell " * 500_000
    with pytest.warns(TextclfWarning, match="only the first 100,000"):
        found = model.predict_proba([text, "envoys met"])
    np.testing.assert_array_equal(found[0], model.predict_proba([text[:100_000]])[0])
    np.testing.assert_allclose(found[1], model.predict_proba(["envoys met"])[0], atol=1e-5)


def test_layers_go_back_to_float_until_the_drift_is_inside(bundles: Bundles, tmp_path: Path, monkeypatch: Any) -> None:
    import textclf.export as job

    drifts = iter([0.2, 0.1, 0.0])
    real = job.drift_of

    def pretend(*args: Any) -> Any:
        found = real(*args)
        return dataclasses.replace(found, flips=round(next(drifts) * found.decisions))

    monkeypatch.setattr(job, "drift_of", pretend)
    made = export(bundles("finetuned"), tmp_path / "m", int8=True, most_flips=0.01)
    assert made.integer_layers == made.layers - 2
    assert made.inside


def test_a_text_gets_the_same_scores_whatever_stands_beside_it(integers: Path) -> None:
    model = load_bundle(integers)
    texts = [*TEXTS, LONG, *ODD, *TEXTS]
    together = model.predict_proba(texts)
    alone = np.concatenate([model.predict_proba([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_array_equal(together[: len(TEXTS)], together[-len(TEXTS) :])


def test_integers_by_openvino(bundles: Bundles, tmp_path: Path) -> None:
    """In a process of its own: training with torch may crash in one that OpenVINO was loaded into."""
    if importlib.util.find_spec("openvino") is None:
        pytest.skip("OpenVINO is not installed")
    code = """
        import json, sys
        import numpy as np
        import textclf
        from tests.test_export import ODD, TEXTS
        from textclf.export import export
        made = export(sys.argv[1], sys.argv[2], int8=True, runtime="openvino", most_flips=1.0)
        before, after = textclf.load(sys.argv[1]), textclf.load(made.path)
        texts = [*TEXTS, *ODD]
        p, alone = after.predict_proba(texts), np.concatenate([after.predict_proba([text]) for text in texts])
        apart = np.abs(p - before.predict_proba(texts)).max()
        print(json.dumps({"apart": float(apart), "beside": float(np.abs(p - alone).max())}))
    """
    arguments = [sys.executable, "-c", textwrap.dedent(code), str(bundles("finetuned")), str(tmp_path / "m")]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["apart"] < 0.1
    assert found["beside"] < 1e-3  # the rest of the graph works in bfloat16 where the processor has it


def test_integers_without_texts_to_fit_them_on_are_refused(bundles: Bundles, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(bundles("finetuned"), moved)
    _change_card(moved, lambda card: card["config"]["data"].update(train=["gone.jsonl"], validation=["gone.jsonl"]))
    with pytest.raises(DataError, match="--samples FILE"):
        export(moved, tmp_path / "m", int8=True)
    made = export(moved, tmp_path / "m")
    assert made.drift is None


def test_thresholds_and_shares_of_an_exported_model_are_adapted(
    bundles: Bundles, integers: Path, tmp_path: Path
) -> None:
    sample = make_articles(80, seed=9)
    changed = adapt_labelled(integers, lambda model: sample, out=tmp_path / "adapted")
    before, after = load_bundle(integers), load_bundle(tmp_path / "adapted")
    found, were = (np.log(p / (1 - p)) for p in (after.predict_proba(TEXTS), before.predict_proba(TEXTS)))
    shifts = [changed.changes[name].shift for name in before.labels]
    assert any(shifts)
    np.testing.assert_allclose(found - were, np.tile(shifts, (3, 1)), atol=1e-3)


def test_shifted_logits_are_kept(integers: Path, tmp_path: Path) -> None:
    model: Any = load_bundle(integers).predictor
    before = model.predict_proba(TEXTS)
    model.scale_logits(np.ones(3), np.array([1.0, 0.0, -1.0]))
    model.save(tmp_path)
    after = Exported.load(tmp_path, model.labels, model.options, seed=0).predict_proba(TEXTS)
    odds = np.log(after / (1 - after)) - np.log(before / (1 - before))
    np.testing.assert_allclose(odds, np.tile([1.0, 0.0, -1.0], (3, 1)), atol=1e-3)


def test_an_exported_model_learns_nothing(integers: Path) -> None:
    with pytest.raises(ModelError, match="cannot be trained"):
        load_bundle(integers).predictor.fit(TEXTS, np.zeros((3, 3)))  # type: ignore[attr-defined]


def test_a_graph_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / GRAPH).write_bytes(b"not a graph")
    with pytest.raises(BundleError, match="no graph"):
        open_graph(tmp_path / GRAPH, runtime="onnx")


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    import onnx

    weight = onnx.numpy_helper.from_array(np.ones((3, 2), np.float32), "w")
    onnx.external_data_helper.set_external_data(weight, location="../secret")
    weight.ClearField("raw_data")
    graph = onnx.helper.make_graph([], "g", [], [], [weight])
    (tmp_path / GRAPH).write_bytes(onnx.helper.make_model(graph).SerializeToString())
    with pytest.raises(BundleError, match="another file"):
        open_graph(tmp_path / GRAPH, runtime="onnx")


def test_an_operator_the_runtime_lacks_is_told(tmp_path: Path) -> None:
    import onnx

    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Unheard", ["x"], ["y"], domain="nowhere")
    opsets = [onnx.helper.make_opsetid("", 20), onnx.helper.make_opsetid("nowhere", 1)]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [x], [y]), opset_imports=opsets, ir_version=9)
    (tmp_path / GRAPH).write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="Unheard"):
        open_graph(tmp_path / GRAPH, runtime="onnx")


@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_outliers_and_uneven_channels_cost_little(scale: float) -> None:
    from textclf.models.onnx_graph import Graph

    rng = np.random.default_rng(0)
    weight = rng.normal(size=(24, 64)).astype(np.float32)
    graph = Graph()
    table = rng.normal(size=(50, 64)).astype(np.float32) * np.exp(rng.normal(size=64))
    table[:, :3] *= scale
    x = graph.add("Gather", graph.constant(table.astype(np.float32), "table"), "input_ids")
    y = graph.linear(x, weight, np.zeros(24, np.float32), "layer")
    model = graph.model(["input_ids"], graph.add("ReduceSum", y, graph.integers(1), keepdims=0), width=24)
    inputs = [{"input_ids": rng.integers(0, 50, (1, 9))} for _ in range(20)]
    plans = plan_layers(model, open_all_outputs, inputs)
    found, wanted = (open_all_outputs(m)(inputs[0])[0] for m in (quantized(model, plans), model))
    assert [plan.name for plan in plans] == ["layer.weight"]
    assert plans[0].error < 0.02
    assert np.abs(found - wanted).max() / np.abs(wanted).max() < 0.05


def test_rows_alike_are_computed_once_and_batches_run_in_threads() -> None:
    rows = [{"input_ids": [1, 2]}, {"input_ids": [3]}, {"input_ids": [1, 2]}, {"input_ids": [2, 1]}]
    kept, which = distinct(rows)
    assert kept == [0, 1, 3]
    assert which.tolist() == [0, 1, 0, 2]

    def run(batch: list[Any]) -> np.ndarray:
        return np.array([[sum(row["input_ids"]), len(row["input_ids"])] for row in batch], dtype=np.float32)

    for threads in (1, 3):
        found = run_batches(rows, run, width=2, batch_tokens=2, threads=threads)
        assert found.tolist() == [[3, 2], [3, 1], [3, 2], [3, 2]]


@pytest.mark.parametrize(("rows", "threads", "sizes"), [(8, 2, [4, 4]), (1, 2, [1]), (3, 4, [1, 1, 1]), (8, 1, [8])])
def test_few_rows_keep_every_thread_at_work(rows: int, threads: int, sizes: list[int]) -> None:
    seen = []

    def run(batch: list[Any]) -> np.ndarray:
        seen.append(len(batch))
        return np.array([[row["input_ids"][0]] for row in batch], dtype=np.float32)

    given = [{"input_ids": [number] * 5} for number in range(rows)]
    found = run_batches(given, run, width=1, batch_tokens=1_000, threads=threads)
    assert found[:, 0].tolist() == list(range(rows))
    assert sorted(seen) == sorted(sizes)


def test_rows_are_padded_on_the_right() -> None:
    arrays = padded([{"input_ids": [5, 6]}, {"input_ids": [7]}], names=["input_ids", "attention_mask"], padding=9)
    assert arrays["input_ids"].tolist() == [[5, 6], [7, 9]]
    assert arrays["attention_mask"].tolist() == [[1, 1], [1, 0]]


def test_the_command_says_what_it_did(bundles: Bundles, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main_of(["export", str(bundles("finetuned")), str(tmp_path / "m"), "--int8"])
    said = capsys.readouterr().out
    assert "layers work in 8-bit integers" in said
    assert "decisions came out otherwise" in said
    with pytest.raises(SystemExit):
        main_of(["export", str(bundles("finetuned")), str(tmp_path / "n"), "--runtime", "tensorrt"])
    assert "allowed: 'onnx', 'openvino'" in capsys.readouterr().err


def main_of(arguments: list[str]) -> None:
    try:
        main(arguments)
    except SystemExit as left:
        if left.code:
            raise


def _opened(drawing: Any, labels: LabelSet, folder: Path) -> Exported:
    from textclf.models.exported import TOKENIZER, write_shifts

    (folder / GRAPH).write_bytes(drawing.graph.SerializeToString())
    drawing.tokenizer.save(str(folder / TOKENIZER))
    write_shifts(folder, np.ones(len(labels)), np.zeros(len(labels)))
    return Exported.load(folder, labels, ExportedOptions(**drawing.options), seed=0)


def assert_same_logits(model: Any, tokenizer: Any, graph: Any, folder: Path) -> None:
    import torch

    names = ["input_ids", "attention_mask"]
    (folder / GRAPH).write_bytes(graph.SerializeToString())
    rows = [tokenizer(text, truncation=True, max_length=40) for text in ("shells fell", *TEXTS, LONG)]
    inputs = padded([{name: row[name] for name in names} for row in rows], names=names, padding=0)
    with torch.no_grad():
        wanted = model(**{name: torch.from_numpy(array) for name, array in inputs.items()}).logits.numpy()
    np.testing.assert_allclose(open_graph(folder / GRAPH, runtime="onnx")(inputs), wanted, atol=2e-5)


def _change_card(bundle: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    from textclf.files import sha256_of

    card = json.loads((bundle / "textclf.json").read_text(encoding="utf-8"))
    change(card)
    (bundle / "textclf.json").write_text(json.dumps(card), encoding="utf-8")
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    file = bundle / "textclf.json"
    manifest["textclf.json"] = {"size": file.stat().st_size, "sha256": sha256_of(file)}
    (bundle / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
