"""The mapping file: what each code of another ontology says of our labels; read strictly. And those that come along.

ontology: ACLED sub-event types
source: ACLED Codebook, https://acleddata.com
targets: [clashes, kidnapping]      # every other label of ours is unknown in this source
complete: [clashes]                 # marked wherever it occurs, so that silence is a no; by default all targets
codes:
  "Armed clash": clashes            # yes; a list for several labels
  "Peaceful protest": none          # a definite no for every target
  "Agreement": unknown              # may be any target or none
  "18*": {yes: [kidnapping], unknown: [clashes], no: []}     # codes that begin with 18 and have no line of their own
unlisted: error                     # a code of the data without a line: error, unknown or none
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textclf.errors import ConfigError, did_you_mean, one_of
from textclf.yamlfile import read_yaml

SHIPPED = Path(__file__).parent.parent / "mappings"
YES, UNKNOWN, NO = "yes", "unknown", "no"
NONE = "none"
UNLISTED = ("error", UNKNOWN, NONE)
KEYS = ("ontology", "source", "targets", "complete", "codes", "unlisted")
Rule = dict[str, str]


@dataclass(frozen=True)
class MappingFile:
    """The content of a mapping file.

    Attributes:
        ontology: What the codes are.
        source: Where they are defined.
        targets: The labels of ours that the source can speak of.
        complete: The targets it marks wherever they occur, so that silence is a no.
        codes: Code or pattern, as written, to what it says: target to ``"yes"``, ``"unknown"`` or ``"no"``.
        unlisted: What a code without a line of its own is: ``"error"``, ``"unknown"`` or ``"none"``.
    """

    ontology: str
    source: str
    targets: tuple[str, ...]
    complete: tuple[str, ...]
    codes: dict[str, Rule] = field(hash=False)
    unlisted: str


def fold(code: str) -> str:
    """Return a code as it is compared: case, width, underscores, and spaces but between words make no difference."""
    words = " ".join(unicodedata.normalize("NFKC", code).casefold().replace("_", " ").split())
    return words.replace(" /", "/").replace("/ ", "/")


def shipped() -> dict[str, Path]:
    """Return the mapping files that come with textclf, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}


def find(name: str | Path) -> Path:
    """Return the path of a mapping: a shipped one by its name, else the file of that path.

    Raises:
        ConfigError: When there is neither; the nearest shipped name is given.
    """
    known = shipped()
    if str(name) in known:
        return known[str(name)]
    if Path(name).is_file():
        return Path(name)
    hint = did_you_mean(str(name), known)
    raise ConfigError(f"no mapping {str(name)!r}{hint}; give a file, or one that is shipped: {', '.join(known)}")


def read(path: Path) -> MappingFile:
    """Read a mapping file.

    Raises:
        ConfigError: When it cannot be read or breaks a rule; the message lists every fault.
    """
    content = read_yaml(path, what="the mapping")
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold a mapping with {', '.join(KEYS)}, not {_kind(content)}")
    faults = [
        f"unknown key {str(key)!r}{did_you_mean(str(key), KEYS)}; allowed: {', '.join(KEYS)}"
        for key in content
        if key not in KEYS
    ]
    ontology = _text(content, "ontology", faults)
    source = _text(content, "source", faults) if "source" in content else ""
    targets = _targets(content.get("targets"), faults)
    complete = targets
    if "complete" in content:
        complete = tuple(_names("complete", content["complete"], targets, faults))
    codes = _codes(content.get("codes"), targets, faults)
    unlisted = content.get("unlisted", "error")
    if unlisted not in UNLISTED:
        faults.append(f"unlisted: {unlisted!r} is not allowed; write {one_of(UNLISTED)}")
    if faults:
        raise ConfigError(f"{path} has {len(faults)} fault(s):\n" + "\n".join(f"  {fault}" for fault in faults))
    return MappingFile(ontology, source, targets, complete, codes, unlisted)


def _text(content: dict[Any, Any], key: str, faults: list[str]) -> str:
    value = content.get(key)
    if not isinstance(value, str) or not value.strip():
        faults.append(f"{key}: a text is needed, not {_kind(value)}")
        return ""
    return " ".join(value.split())


def _targets(given: Any, faults: list[str]) -> tuple[str, ...]:
    if not isinstance(given, list) or not given or not all(isinstance(name, str) and name.strip() for name in given):
        faults.append(f"targets: a list of one or more labels of ours is needed, not {_kind(given)}")
        return ()
    doubled = sorted({name for name in given if given.count(name) > 1})
    if doubled:
        faults.append(f"targets: listed twice: {one_of(doubled)}")
    reserved = [name for name in given if name in (NONE, UNKNOWN)]
    if reserved:
        faults.append(f"targets: {one_of(reserved)} has a meaning of its own here and cannot be a label")
    return tuple(dict.fromkeys(given))


def _codes(given: Any, targets: tuple[str, ...], faults: list[str]) -> dict[str, Rule]:
    if not isinstance(given, dict) or not given:
        faults.append(f"codes: a mapping of code to label is needed, not {_kind(given)}")
        return {}
    codes: dict[str, Rule] = {}
    seen: dict[str, str] = {}
    for code, says in given.items():
        if not isinstance(code, str) or not code.strip():
            faults.append(f"codes: code {code!r} is not read as a text; write it in quotes, as '042'")
            continue
        if "*" in code.strip()[:-1] or not code.strip("* "):
            faults.append(f"codes: {code!r}: * stands only at the end, after what the codes begin with")
        earlier = seen.setdefault(fold(code), code)
        if earlier != code:
            faults.append(f"codes: {code!r} and {earlier!r} are the same code but for case and spaces")
        codes[code] = _rule(code, says, targets, faults)
    return codes


def _rule(code: str, says: Any, targets: tuple[str, ...], faults: list[str]) -> Rule:
    """Read what one code says: a label, a list, `none`, `unknown`, or an object of yes, unknown and no."""
    place = f"codes: {code!r}"
    if says == NONE:
        return dict.fromkeys(targets, NO)
    if says == UNKNOWN:
        return dict.fromkeys(targets, UNKNOWN)
    if isinstance(says, str) or (isinstance(says, list) and says):
        return dict.fromkeys(_names(place, says, targets, faults), YES)
    if not isinstance(says, dict) or not says:
        faults.append(f"{place}: write a label, a list of labels, none, unknown, or {{yes: …, unknown: …, no: …}}")
        return {}
    rule: Rule = {}
    for key, names in says.items():
        answer = (YES if key else NO) if isinstance(key, bool) else key  # YAML reads yes as true
        if answer not in (YES, UNKNOWN, NO):
            hint = did_you_mean(str(key), (YES, UNKNOWN, NO))
            faults.append(f"{place}: unknown key {str(key)!r}{hint}; allowed: yes, unknown, no")
            continue
        for name in _names(f"{place}, {answer}", names, targets, faults):
            if rule.setdefault(name, answer) != answer:
                faults.append(f"{place}: label {name!r} is both under {rule[name]} and under {answer}")
    return rule


def _names(place: str, given: Any, targets: Sequence[str], faults: list[str]) -> list[str]:
    """Return the labels given as a name or a list of names; what is no target is a fault."""
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        faults.append(f"{place}: a label or a list of labels is needed, not {_kind(given)}")
        return []
    if targets:
        allowed = ", ".join(targets)
        for name in names:
            if name not in targets:
                faults.append(f"{place}: label {name!r} is not in targets ({allowed}){did_you_mean(name, targets)}")
    return [name for name in names if name in targets]


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    names: dict[type, str] = {dict: "a mapping", list: "a list", str: "a text"}
    return names.get(type(value), repr(value)[:60]) if value or value in (0, False) else "an empty one"
