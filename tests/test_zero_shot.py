"""Labels from descriptions alone: by likeness of embeddings, or by entailment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.conftest import LABELS, WORDS, make_articles
from tests.models import TINY_OPTIONS, make_encoder
from textclf.config import load_config
from textclf.errors import BundleError, ConfigError, ModelError
from textclf.labels import LabelSet
from textclf.models.encoders import load_tokenizer
from textclf.models.zero_shot import ZeroShot, ZeroShotOptions
from textclf.records import Examples

LABEL_SET = LabelSet.of(WORDS)
TRAINING = Examples.of(make_articles(12), LABEL_SET)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def nli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_nli(tmp_path_factory.mktemp("nli"), names=["contradiction", "neutral", "ENTAILMENT"])


def make_nli(folder: Path, *, names: list[str]) -> Path:
    """Write a tiny sequence classifier over a pair of texts, with random weights."""
    import torch
    from transformers import AutoConfig, BertForSequenceClassification

    make_encoder(folder)
    config = AutoConfig.from_pretrained(folder)
    config.num_labels, config.id2label = len(names), dict(enumerate(names))
    config.label2id = {name: number for number, name in enumerate(names)}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def fit(encoder: Path, *, labels: LabelSet = LABEL_SET, **changes: object) -> ZeroShot:
    options = {**TINY_OPTIONS["zero_shot"], "encoder": str(encoder), **changes}
    model = ZeroShot(labels, ZeroShotOptions.model_validate(options), seed=0)
    return model.fit(TRAINING.texts, TRAINING.targets)


@pytest.mark.parametrize("centre", [True, False])
def test_a_description_carries_its_own_label_most_and_the_contrast_none(encoder: Path, centre: bool) -> None:
    model = fit(encoder, centre=centre)
    p = model.predict_proba([*WORDS.values(), *model.options.none])
    assert (p[:3].argmax(axis=1) == [0, 1, 2]).all()
    assert (np.diag(p[:3]) > 0.5).all()
    assert (p[3] < 0.5).all()


def test_any_of_several_phrasings_will_do(encoder: Path) -> None:
    phrasings = {"fight": [WORDS["fight"], "a teacher spoke"], "talk": ["rain fell"]}
    model = fit(encoder, descriptions=phrasings, none=[])
    assert model.predict_proba([WORDS["fight"]])[0, 0] == pytest.approx(model.predict_proba(["a teacher spoke"])[0, 0])
    assert list(model.descriptions()[2]) == [WORDS["move"]]  # where the options have none, the definition stands


def test_labels_without_a_definition_are_named(encoder: Path) -> None:
    labels = LabelSet.of({"fight": "a battle", "talk": None, "move": ""})
    with pytest.raises(ConfigError, match=r"none of 'talk', 'move'. Write one: a definition .* or sentences under"):
        fit(encoder, labels=labels)


def test_a_description_of_no_label_is_refused(encoder: Path) -> None:
    with pytest.raises(ConfigError, match=r"label 'figth' is not in the label set .* did you mean 'fight'"):
        fit(encoder, descriptions={"figth": ["a battle"]})


@pytest.mark.parametrize("descriptions", [{"fight": []}, {"fight": ["  "]}, {"fight": "a battle"}])
def test_empty_descriptions_are_no_options(descriptions: object) -> None:
    with pytest.raises(ValueError, match=r"descriptions\.fight"):
        ZeroShotOptions.model_validate({"descriptions": descriptions})


def test_embeddings_that_do_not_fit_the_descriptions_are_refused(encoder: Path, tmp_path: Path) -> None:
    model = fit(encoder)
    model.save(tmp_path)
    tensors = load_file(tmp_path / "anchors.safetensors")
    save_file({**tensors, "anchors": tensors["anchors"][1:].copy()}, tmp_path / "anchors.safetensors")
    with pytest.raises(BundleError, match="do not fit 4 sentences"):
        ZeroShot.load(tmp_path, LABEL_SET, model.options, seed=0)


def test_a_cross_encoder_is_asked_what_a_paragraph_entails(encoder: Path, nli: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification

    model, texts = fit(encoder, nli=str(nli), max_length=128), [*TRAINING.texts[:5], "word " * 200, ""]
    p = model.predict_proba(texts)
    plain, tokenizer = AutoModelForSequenceClassification.from_pretrained(nli), load_tokenizer(nli, max_length=128)
    with torch.no_grad():
        for row, text in zip(p[:5], texts, strict=False):
            for found, words in zip(row, WORDS.values(), strict=True):
                logits = plain(**tokenizer(text, words, return_tensors="pt")).logits[0]
                assert found == pytest.approx(logits.softmax(0)[2].item(), abs=1e-4)
    alone = np.concatenate([model.predict_proba([text]) for text in texts])
    np.testing.assert_allclose(alone, p, atol=1e-5)
    assert model.count_windows(texts) == [1] * len(texts)
    model.save(tmp_path)
    loaded = ZeroShot.load(tmp_path, LABEL_SET, model.options, seed=0)
    np.testing.assert_allclose(loaded.predict_proba(texts), p, atol=1e-6)
    assert loaded.predict_proba([]).shape == (0, 3)


def test_a_classifier_of_something_else_is_no_cross_encoder(encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no label of .* is 'entailment' \(it has angry, glad\)"):
        fit(encoder, nli=str(make_nli(tmp_path, names=["angry", "glad"])))


def test_the_config_describes_every_label() -> None:
    config = load_config(Path(__file__).parent.parent / "configs" / "zero_shot.yaml")
    options = ZeroShotOptions.model_validate(config.model.options)
    assert set(options.descriptions) == set(config.labels)
    assert not set(LABELS) & set(options.descriptions)
    assert options.none


def test_a_label_without_an_example_in_training_can_be_given_all_the_same(encoder: Path) -> None:
    from textclf.config import ThresholdSettings
    from textclf.thresholds import NEVER
    from textclf.train import fit

    examples = Examples.of(make_articles(8), LABEL_SET)
    examples.targets[:] = 0
    held_out = Examples.of(make_articles(4, seed=1), LABEL_SET)
    options = ZeroShotOptions(encoder=str(encoder), **TINY_OPTIONS["zero_shot"])
    fitted = fit(
        kind="zero_shot",
        options=options,
        labels=LABEL_SET,
        examples=examples,
        validation=held_out,
        thresholds=ThresholdSettings(),
        seed=0,
    )
    assert (fitted.model.thresholds < NEVER).all()
