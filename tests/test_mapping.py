"""Mapping: what each code says, what several say together, files with faults, and the mappings that are shipped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import DATA
from tests.props import quick
from textclf.cli import main
from textclf.datasets import read_labelled
from textclf.datasets.mapping import Mapping
from textclf.datasets.mapping_file import MappingFile, fold, shipped
from textclf.errors import ConfigError, DataError
from textclf.labels import LabelSet
from textclf.records import Article, Paragraph

OURS = LabelSet.read(DATA / "labels.yaml")
TARGETS = ("clashes", "negotiation", "kidnapping")
SAYS = {
    "battle": {"clashes": "yes"},
    "abduction": {"kidnapping": "yes"},
    "deal": {"negotiation": "unknown"},
    "protest": dict.fromkeys(TARGETS, "no"),
    "unclear": dict.fromkeys(TARGETS, "unknown"),
    "18*": {"clashes": "unknown"},
    "181*": {"kidnapping": "yes"},
    "1812": {"negotiation": "yes"},
}


def mapping(*, complete: tuple[str, ...] = TARGETS, unlisted: str = "error", codes: Any = SAYS) -> Mapping:
    return Mapping("small", MappingFile("small", "", TARGETS, complete, codes, unlisted))


def of(labels: Any = (), uncertain: Any = (), annotated: Any = None) -> Article:
    return Article("a", (Paragraph("Text.", tuple(labels), tuple(uncertain)),), annotated=annotated)


def answers(rules: Mapping, article: Article) -> dict[str, str]:
    """Give what the one paragraph of an article came to, label by label."""
    (mapped,) = rules.apply([article], OURS).articles
    (paragraph,) = mapped.paragraphs
    assert mapped.annotated == TARGETS
    return {
        name: "yes" if name in paragraph.labels else "unknown" if name in paragraph.uncertain else "no"
        for name in TARGETS
    }


def all_of(answer: str, **others: str) -> dict[str, str]:
    return {**dict.fromkeys(TARGETS, answer), **others}


@pytest.fixture
def write_mapping(tmp_path: Path) -> Callable[..., Path]:
    def write(**changes: Any) -> Path:
        content = {"ontology": "x", "targets": ["clashes", "kidnapping"], "codes": {"a": "clashes"}, **changes}
        path = tmp_path / "m.yaml"
        path.write_text(
            yaml.safe_dump({key: value for key, value in content.items() if value != "absent"}, sort_keys=False)
        )
        return path

    return write


# --- what codes say together


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], all_of("no")),
        (["battle"], all_of("no", clashes="yes")),
        (["battle", "abduction"], all_of("no", clashes="yes", kidnapping="yes")),
        (["battle", "unclear"], all_of("unknown", clashes="yes")),
        (["deal", "protest"], all_of("no", negotiation="unknown")),
        (["battle", "protest"], all_of("no", clashes="yes")),
    ],
)
def test_yes_beats_unknown_and_unknown_beats_no(codes: list[str], expected: dict[str, str]) -> None:
    assert answers(mapping(), of(codes)) == expected
    assert answers(mapping(), of(reversed(codes))) == expected


def test_silence_is_unknown_where_the_source_is_not_complete() -> None:
    rules = mapping(complete=("kidnapping",))
    assert answers(rules, of()) == all_of("unknown", kidnapping="no")
    assert answers(rules, of(["battle"])) == {"clashes": "yes", "negotiation": "unknown", "kidnapping": "no"}
    assert answers(rules, of(["protest"])) == all_of("no")
    # what one code rules out of its own event, another that is silent leaves open
    assert answers(rules, of(["protest", "deal"])) == all_of("unknown", kidnapping="no")


@pytest.mark.parametrize(
    ("certain", "uncertain", "expected"),
    [
        ([], ["battle"], all_of("no", clashes="unknown")),
        (["battle"], ["abduction"], all_of("no", clashes="yes", kidnapping="unknown")),
        (["protest"], ["battle"], all_of("no", clashes="unknown")),
        (["battle"], ["battle"], all_of("no", clashes="yes")),
    ],
)
def test_a_code_the_source_is_unsure_of_makes_a_label_unknown(
    certain: list[str], uncertain: list[str], expected: dict[str, str]
) -> None:
    assert answers(mapping(), of(certain, uncertain)) == expected


def test_an_uncertain_no_settles_nothing() -> None:
    assert answers(mapping(complete=()), of([], ["protest"])) == all_of("unknown")


def test_what_was_not_looked_for_is_unknown() -> None:
    looked_for = ("battle", "protest", "18")
    assert answers(mapping(), of(["protest"], annotated=looked_for)) == all_of("unknown")  # deal, abduction, unclear
    codes = {name: SAYS[name] for name in ("battle", "abduction", "protest", "18*")}
    found = answers(mapping(codes=codes), of(["battle"], annotated=looked_for))
    assert found == {"clashes": "yes", "negotiation": "no", "kidnapping": "unknown"}
    assert answers(mapping(codes=codes), of([], annotated=("battle", "abduction", "18*"))) == all_of("no")


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("BATTLE", "battle"),
        ("  battle ", "battle"),
        ("1812", "1812"),
        ("1813", "181*"),
        ("18", "18*"),
        ("182", "18*"),
        ("19", None),
        ("battles", None),
    ],
)
def test_the_most_special_line_holds(code: str, line: str | None) -> None:
    assert mapping().line_of(code) == line


@pytest.mark.parametrize(
    "code", ["Hostile_encounter", "hostile encounter", "HOSTILE   ENCOUNTER\u00a0", "Hostile\tencounter"]
)
def test_case_underscores_and_spaces_make_no_difference(code: str) -> None:
    assert fold(code) == "hostile encounter"


def test_spaces_around_a_stroke_make_no_difference() -> None:
    assert fold("Air / drone strike") == fold("Air/drone strike")


def test_codes_without_a_line_are_refused_all_together_with_the_nearest() -> None:
    articles = [of(["battel", "zzz"]), of(["battel"], ["protests"])]
    with pytest.raises(DataError) as refused:
        mapping().apply(articles, OURS)
    message = str(refused.value)
    assert "3 code(s)" in message
    assert "'battel' (2 paragraphs); did you mean 'battle'?" in message
    assert "'protests' (1 paragraphs); did you mean 'protest'?" in message
    assert "'zzz' (1 paragraphs)\n" in message


@pytest.mark.parametrize(("unlisted", "expected"), [("unknown", "unknown"), ("none", "no")])
def test_a_mapping_may_say_what_codes_without_a_line_are(unlisted: str, expected: str) -> None:
    rules = mapping(unlisted=unlisted)
    assert answers(rules, of(["zzz"])) == all_of(expected)
    report = rules.apply([of(["zzz", "battle"])], OURS).report
    assert [(each.code, each.paragraphs) for each in report.unlisted] == [("zzz", 1)]


def test_the_report_counts_paragraphs_per_code_and_label() -> None:
    articles = [of(["battle"]), of(["Battle"], ["deal"]), of(["181"]), of()]
    report = mapping().apply(articles, OURS).report
    counts = {count.code: (count.line, count.paragraphs, count.uncertain) for count in report.codes.values()}
    assert counts == {"battle": ("battle", 2, 0), "deal": ("deal", 0, 1), "181": ("181*", 1, 0)}
    assert report.codes["battle"].of("yes") == ["clashes"]
    assert report.labels["clashes"] == {"yes": 2, "unknown": 0, "no": 2}
    assert report.labels["negotiation"] == {"yes": 0, "unknown": 1, "no": 3}
    assert report.never_seen == ["abduction", "protest", "unclear", "18*", "1812"]
    assert (report.articles, report.paragraphs) == (4, 4)
    assert json.loads(json.dumps(report.to_json()))["never_seen"] == report.never_seen


def test_nothing_else_of_an_article_is_lost_and_the_codes_are_kept() -> None:
    paragraph = Paragraph("Text.", ("battle",), ("deal",), extra={"note": 1})
    article = Article("a", (paragraph,), title="T", date="2020-01-01", source="S", extra={"region": "r"})
    (mapped,) = mapping().apply([article], OURS).articles
    assert mapped.to_json() == {
        "article_id": "a",
        "title": "T",
        "date": "2020-01-01",
        "source": "S",
        "region": "r",
        "annotated": list(TARGETS),
        "paragraphs": [
            {
                "text": "Text.",
                "labels": ["clashes"],
                "uncertain": ["negotiation"],
                "note": 1,
                "source_labels": ["battle"],
                "source_uncertain": ["deal"],
            }
        ],
    }


def test_labels_keep_the_order_of_the_label_set() -> None:
    backwards = LabelSet.of(reversed(OURS.names))
    (mapped,) = mapping().apply([of(["battle", "abduction"])], backwards).articles
    assert mapped.annotated == ("kidnapping", "negotiation", "clashes")
    assert mapped.paragraphs[0].labels == ("kidnapping", "clashes")


def test_a_target_that_is_no_label_of_ours_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'negotiation' is not in the label set .* did you mean 'negotiations'\?"):
        mapping().apply([], LabelSet.of(["clashes", "negotiations", "kidnapping"]))


# --- properties


certain_codes = st.lists(
    st.sampled_from(["battle", "abduction", "deal", "protest", "unclear", "181", "1812", "zz"]), max_size=4
)
any_mapping = st.builds(
    mapping,
    complete=st.lists(st.sampled_from(TARGETS), unique=True).map(tuple),
    unlisted=st.sampled_from(["unknown", "none"]),
)
any_article = st.builds(
    of, certain_codes, certain_codes, st.none() | st.lists(st.sampled_from(sorted(SAYS)), unique=True).map(tuple)
)


@quick
@given(rules=any_mapping, article=any_article)
def test_no_label_is_both_yes_and_uncertain_and_none_outside_the_targets_is_annotated(
    rules: Mapping, article: Article
) -> None:
    (mapped,) = rules.apply([article], OURS).articles
    (paragraph,) = mapped.paragraphs
    assert not set(paragraph.labels) & set(paragraph.uncertain)
    assert {*paragraph.labels, *paragraph.uncertain} <= set(TARGETS)
    assert mapped.annotated == TARGETS
    targets = mapped.targets(OURS)
    outside = [j for j, name in enumerate(OURS) if name not in TARGETS]
    assert (targets[:, outside] != targets[:, outside]).all()  # NaN


@quick
@given(rules=any_mapping, article=any_article)
def test_a_yes_comes_only_from_a_certain_code_that_says_so(rules: Mapping, article: Article) -> None:
    (mapped,) = rules.apply([article], OURS).articles
    said = {name for code in article.paragraphs[0].labels for name, a in rules.answers(code).items() if a == "yes"}
    assert set(mapped.paragraphs[0].labels) == said


@quick
@given(rules=any_mapping, article=any_article, code=st.sampled_from(sorted(set(SAYS) - {"18*", "181*"})))
def test_one_more_code_never_takes_a_yes_away(rules: Mapping, article: Article, code: str) -> None:
    before = answers(rules, article)
    paragraph = article.paragraphs[0]
    after = answers(rules, of([*paragraph.labels, code], paragraph.uncertain, article.annotated))
    assert all(after[name] == "yes" for name, answer in before.items() if answer == "yes")


@quick
@given(article=any_article)
def test_the_identity_changes_no_target_and_mapping_twice_is_mapping_once(article: Article) -> None:
    (once,) = mapping(unlisted="unknown").apply([article], OURS).articles
    identity = mapping(codes={name: {name: "yes"} for name in TARGETS})
    (twice,) = identity.apply([once], OURS).articles
    assert [p.labels for p in twice.paragraphs] == [p.labels for p in once.paragraphs]
    assert [p.uncertain for p in twice.paragraphs] == [p.uncertain for p in once.paragraphs]
    assert twice.annotated == once.annotated


def test_mapped_again_a_paragraph_keeps_the_codes_it_had_first() -> None:
    (once,) = mapping().apply([of(["battle"])], OURS).articles
    (twice,) = mapping(codes={name: {name: "yes"} for name in TARGETS}).apply([once], OURS).articles
    assert twice.paragraphs[0].extra["source_labels"] == ["battle"]


# --- the file


def test_every_form_of_a_line_is_read(write_mapping: Callable[..., Path]) -> None:
    path = write_mapping()
    path.write_text(
        "ontology: x\ntargets: [clashes, kidnapping]\ncomplete: [kidnapping]\nunlisted: none\n"
        "codes: {a: clashes, b: [clashes, kidnapping], c: none, d: unknown, e: {yes: clashes, no: [kidnapping]}}\n"
    )
    rules = Mapping.read(path)
    assert rules.file.codes == {
        "a": {"clashes": "yes"},
        "b": {"clashes": "yes", "kidnapping": "yes"},
        "c": {"clashes": "no", "kidnapping": "no"},
        "d": {"clashes": "unknown", "kidnapping": "unknown"},
        "e": {"clashes": "yes", "kidnapping": "no"},
    }
    assert rules.file.complete == ("kidnapping",)
    assert rules.file.unlisted == "none"
    assert rules.answers("a") == {"clashes": "yes", "kidnapping": "no"}


def test_by_default_every_target_is_complete_and_a_strange_code_an_error(write_mapping: Callable[..., Path]) -> None:
    rules = Mapping.read(write_mapping())
    assert rules.file.complete == ("clashes", "kidnapping")
    assert rules.file.unlisted == "error"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ontology": "absent"}, "ontology: a text is needed, not nothing"),
        ({"source": 3}, "source: a text is needed, not 3"),
        ({"targets": "absent"}, "targets: a list of one or more labels of ours is needed, not nothing"),
        ({"targets": ["clashes", "clashes"]}, "targets: listed twice: 'clashes'"),
        ({"targets": ["clashes", "none"]}, "targets: 'none' has a meaning of its own"),
        (
            {"complete": ["clash"]},
            "complete: label 'clash' is not in targets (clashes, kidnapping); did you mean 'clashes'?",
        ),
        ({"codes": {}}, "codes: a mapping of code to label is needed"),
        ({"codes": ["a"]}, "codes: a mapping of code to label is needed, not a list"),
        (
            {"codes": {"a": "clashs"}},
            "codes: 'a': label 'clashs' is not in targets (clashes, kidnapping); did you mean",
        ),
        ({"codes": {"a": None}}, "codes: 'a': write a label, a list of labels, none, unknown"),
        ({"codes": {"a": {}}}, "codes: 'a': write a label"),
        ({"codes": {"a": []}}, "codes: 'a': write a label"),
        ({"codes": {"a": {"yess": ["clashes"]}}}, "codes: 'a': unknown key 'yess'; did you mean 'yes'?"),
        ({"codes": {"a": {"yes": [1]}}}, "codes: 'a', yes: a label or a list of labels is needed"),
        (
            {"codes": {"a": {"yes": "clashes", "unknown": "clashes"}}},
            "label 'clashes' is both under yes and under unknown",
        ),
        ({"codes": {34: "clashes"}}, "codes: code 34 is not read as a text; write it in quotes, as '042'"),
        ({"codes": {"a b": "clashes", "A_b": "none"}}, "'A_b' and 'a b' are the same code but for case and spaces"),
        ({"codes": {"a*b": "clashes"}}, "codes: 'a*b': * stands only at the end"),
        ({"codes": {"*": "clashes"}}, "codes: '*': * stands only at the end"),
        ({"unlisted": "no"}, "unlisted: 'no' is not allowed; write 'error', 'unknown', 'none'"),
        ({"target": ["clashes"]}, "unknown key 'target'; did you mean 'targets'?"),
    ],
)
def test_each_fault_of_a_mapping_file_is_told(
    write_mapping: Callable[..., Path], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        Mapping.read(write_mapping(**changes))
    assert message in str(refused.value)


def test_all_faults_are_told_together(write_mapping: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match=r"has 4 fault\(s\)"):
        Mapping.read(write_mapping(ontology="", unlisted="x", extra=1, codes={"a": "b"}))


@pytest.mark.parametrize("text", ["[]", "just text", "codes: {a: clashes, a: none}", "a: [", ""])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"m\.yaml"):
        Mapping.read(path)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["clashes", "none", "unknown", "a", "a*", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.booleans() | st.integers(0, 9) | st.sampled_from(["a", "yes", "no"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@quick
@given(
    content=st.dictionaries(
        st.sampled_from(["ontology", "source", "targets", "complete", "codes", "unlisted"]), anything
    )
)
def test_no_content_whatever_ends_in_anything_but_one_message(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    try:
        rules = Mapping.read(path)
    except ConfigError as fault:
        message = str(fault)
    else:
        message = f"any.yaml says yes to {rules.targets[0]}"
    assert "any.yaml" in message


def test_a_name_that_is_neither_shipped_nor_a_file_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'acled'"):
        Mapping.read("acld")


# --- the mappings that are shipped


LINES = {"acled": 25, "cameo": 60, "case": 30, "maven": 27, "muc4": 6, "plover": 50, "rams": 25, "wikievents": 13}


def test_all_mappings_are_known_and_hold_as_many_codes_as_they_should() -> None:
    assert {name: len(Mapping.read(name).file.codes) for name in shipped()} == LINES


@pytest.mark.parametrize("name", LINES)
def test_every_shipped_mapping_fits_our_labels_and_says_where_its_codes_are_defined(name: str) -> None:
    rules = Mapping.read(name)
    assert rules.apply([], OURS).articles == []
    assert "http" in rules.file.source
    assert any("yes" in rule.values() for rule in rules.file.codes.values())
    assert not {"clashes"} - set(rules.targets)


@pytest.mark.parametrize("name", LINES)
def test_every_line_of_a_shipped_mapping_has_its_reason_beside_it_or_above(name: str) -> None:
    bare = []
    commented = False
    for line in shipped()[name].read_text(encoding="utf-8").partition("codes:\n")[2].splitlines():
        if line.startswith("  ") and not line.lstrip().startswith("#"):
            if "#" not in line and not commented:
                bare.append(line)
            commented = "#" in line or commented
        else:
            commented = line.lstrip().startswith("#")
    assert bare == []


ACLED = {  # the event types and sub-event types of the codebook
    "Battles": ["Armed clash", "Government regains territory", "Non-state actor overtakes territory"],
    "Explosions/Remote violence": [
        "Chemical weapon",
        "Air/drone strike",
        "Suicide bomb",
        "Shelling/artillery/missile attack",
        "Remote explosive/landmine/IED",
        "Grenade",
    ],
    "Violence against civilians": ["Sexual violence", "Attack", "Abduction/forced disappearance"],
    "Protests": ["Peaceful protest", "Protest with intervention", "Excessive force against protesters"],
    "Riots": ["Violent demonstration", "Mob violence"],
    "Strategic developments": [
        "Agreement",
        "Arrests",
        "Change to group/activity",
        "Disrupted weapons use",
        "Headquarters or base established",
        "Looting/property destruction",
        "Non-violent transfer of territory",
        "Other",
    ],
}


def test_acled_has_exactly_its_25_sub_event_types() -> None:
    assert set(Mapping.read("acled").file.codes) == {code for codes in ACLED.values() for code in codes}


def test_acled_decides_by_the_codebook() -> None:
    codes = Mapping.read("acled").file.codes
    for code in [*ACLED["Battles"], *ACLED["Explosions/Remote violence"]]:
        assert codes[code] == {"clashes": "yes"}, code
    assert codes["Abduction/forced disappearance"] == {"kidnapping": "yes"}
    for code in ("Looting/property destruction", "Arrests", "Headquarters or base established", "Mob violence"):
        assert set(codes[code].values()) == {"no"}, code
    assert set(codes["Agreement"].values()) == {"unknown"}
    assert codes["Non-violent transfer of territory"]["surrender_deal"] == "unknown"
    assert codes["Non-violent transfer of territory"]["clashes"] == "no"


CASE_AS_ACLED = {
    "ARMED_CLASH": "Armed clash",
    "GOV_REGAINS_TERIT": "Government regains territory",
    "NON_STATE_ACTOR_OVERTAKES_TER": "Non-state actor overtakes territory",
    "CHEM_WEAP": "Chemical weapon",
    "AIR_STRIKE": "Air/drone strike",
    "SUIC_BOMB": "Suicide bomb",
    "ART_MISS_ATTACK": "Shelling/artillery/missile attack",
    "REM_EXPLOS": "Remote explosive/landmine/IED",
    "GRENADE": "Grenade",
    "ATTACK": "Attack",
    "SEX_VIOL": "Sexual violence",
    "ABDUCT_DISSAP": "Abduction/forced disappearance",
    "PEACE_PROTEST": "Peaceful protest",
    "PROTEST_WITH_INTER": "Protest with intervention",
    "FORCE_AGAINST_PROTEST": "Excessive force against protesters",
    "VIOL_DEMONSTR": "Violent demonstration",
    "MOB_VIOL": "Mob violence",
    "AGREEMENT": "Agreement",
    "ARREST": "Arrests",
    "CHANGE_TO_GROUP_ACT": "Change to group/activity",
    "DISR_WEAP": "Disrupted weapons use",
    "HQ_ESTABLISHED": "Headquarters or base established",
    "PROPERTY_DISTRUCT": "Looting/property destruction",
    "NON_VIOL_TERRIT_TRANSFER": "Non-violent transfer of territory",
    "OTHER": "Other",
}


def test_case_decides_as_acled_does_for_the_25_types_they_share() -> None:
    case, acled = Mapping.read("case"), Mapping.read("acled")
    assert {acled.line_of(code) for code in CASE_AS_ACLED.values()} == set(acled.file.codes)
    for code, same in CASE_AS_ACLED.items():
        assert case.file.codes[code] == acled.file.codes[same], code
    extra = set(case.file.codes) - set(CASE_AS_ACLED)
    assert extra == {"ORG_CRIME", "NATURAL_DISASTER", "MAN_MADE_DISASTER", "ATTRIB", "DIPLO"}


def test_muc4_has_its_six_incident_types() -> None:
    incidents = {"arson", "attack", "bombing", "kidnapping", "robbery", "forced work stoppage"}
    assert set(Mapping.read("muc4").file.codes) == incidents


@pytest.mark.parametrize(
    ("name", "code", "label", "expected"),
    [
        ("cameo", "190", "clashes", "yes"),
        ("cameo", "1951", "clashes", "yes"),
        ("cameo", "191", "clashes", "unknown"),
        ("cameo", "181", "kidnapping", "yes"),
        ("cameo", "173", "kidnapping", "no"),
        ("cameo", "145", "clashes", "no"),
        ("cameo", "138", "clashes", "no"),
        ("cameo", "046", "negotiation", "unknown"),
        ("cameo", "0871", "negotiation", "yes"),
        ("cameo", "0874", "surrender_deal", "unknown"),
        ("cameo", "1724", "kidnapping", "no"),
        ("plover", "ASSAULT-abduct", "kidnapping", "yes"),
        ("plover", "ASSAULT", "clashes", "unknown"),
        ("plover", "assault-aerial", "clashes", "yes"),
        ("plover", "PROTEST-riot", "clashes", "no"),
        ("rams", "conflict.attack.airstrikemissilestrike", "clashes", "yes"),
        ("rams", "Conflict.Attack.AirstrikeMissileStrike", "clashes", "yes"),
        ("rams", "conflict.attack.stabbing", "clashes", "unknown"),
        ("rams", "government.vote.castvote", "clashes", "unknown"),
        ("maven", "Kidnapping", "kidnapping", "yes"),
        ("maven", "Arrest", "kidnapping", "no"),
        ("maven", "Hostile_encounter", "clashes", "unknown"),
        ("maven", "Publishing", "clashes", "no"),
        ("wikievents", "Movement.Transportation.Evacuation", "evacuation", "yes"),
        ("wikievents", "Conflict.Attack.DetonateExplode", "clashes", "unknown"),
        ("wikievents", "Justice.TrialHearing.Unspecified", "clashes", "no"),
        ("muc4", "KIDNAPPING", "kidnapping", "yes"),
        ("muc4", "bombing", "kidnapping", "no"),
        ("muc4", "forced work stoppage", "clashes", "unknown"),
    ],
)
def test_shipped_mappings_decide_by_the_codebook(name: str, code: str, label: str, expected: str) -> None:
    assert Mapping.read(name).answers(code)[label] == expected


CAMEO_ROOTS = [f"{number:02d}" for number in range(1, 21)]


@pytest.mark.parametrize("root", CAMEO_ROOTS)
def test_every_root_of_cameo_has_a_line(root: str) -> None:
    assert Mapping.read("cameo").line_of(f"{root}0") is not None


# --- the command


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


@pytest.fixture
def acled(write_jsonl: Callable[..., Path]) -> Path:
    paragraphs = [{"text": "One.", "labels": ["Armed clash"]}, {"text": "Two.", "labels": ["Peaceful protest"]}]
    return write_jsonl([{"article_id": "a", "paragraphs": paragraphs}], "acled.jsonl")


def test_the_command_writes_our_labels_and_shows_what_it_did(
    acled: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "ours.jsonl", tmp_path / "report.json"
    arguments = ("--mapping", "acled", "--labels", DATA / "labels.yaml", "--out", out, "--json", report)
    assert run("data", "map", acled, *arguments) == 0
    shown = capfd.readouterr().out
    assert "Armed clash" in shown
    assert "codes never seen: Government regains territory" in shown
    (article,) = read_labelled(out, OURS)
    assert article.paragraphs[0].labels == ("clashes",)
    assert article.annotated == ("clashes", "negotiation", "kidnapping", "surrender_deal")
    assert json.loads(report.read_text())["labels"]["clashes"] == {"yes": 1, "unknown": 0, "no": 1}


def test_the_command_lists_the_shipped_mappings(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("data", "map", "--list") == 0
    shown = capfd.readouterr().out
    assert all(name in shown for name in LINES)


def test_nothing_is_written_when_a_code_has_no_line(
    acled: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ours.jsonl"
    out.write_text("before")
    assert run("data", "map", acled, "--mapping", "muc4", "--labels", DATA / "labels.yaml", "--out", out) == 1
    assert "'Armed clash' (1 paragraphs)" in capfd.readouterr().err
    assert out.read_text() == "before"


@pytest.mark.parametrize(("out", "message"), [("acled.jsonl", "is the input"), ("ours.csv", "ends in .jsonl")])
def test_the_command_refuses_a_place_that_will_not_do(
    acled: Path, capfd: pytest.CaptureFixture[str], out: str, message: str
) -> None:
    before = acled.read_text()
    assert run("data", "map", acled, "--mapping", "acled", "--out", acled.parent / out) == 1
    assert message in capfd.readouterr().err
    assert acled.read_text() == before


def test_the_page_on_mappings_names_every_one_that_is_shipped_and_what_it_says_yes_to() -> None:
    page = (DATA.parent / "docs" / "mappings.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line.split("|") for line in page.splitlines() if line.startswith("| `")}
    assert set(rows) == set(shipped())
    for name, cells in rows.items():
        file = Mapping.read(name).file
        said = {label for rule in file.codes.values() for label, answer in rule.items() if answer == "yes"}
        assert {label for label in OURS if label in cells[3]} == said, name
        assert {label for label in OURS if label in cells[4]} == set(file.complete), name
