"""Near-duplicate texts: what counts as a copy, what never does, and that every planted copy is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import DATA
from tests.props import quick
from textclf.datasets.duplicates import (
    FEWEST_WORDS,
    LARGEST_BUCKET,
    Duplicates,
    connected,
    find_duplicates,
    similarity,
)
from textclf.datasets.shingles import length_of, shingle_sets, words_of
from textclf.errors import DataError

AGENCY = (
    "BEIRUT (Wire) — Shells fell on the market quarter of Terhan for a third day on Monday as the 4th Brigade tried to "
    'force a way across the river. "Nobody can cross," said a baker. Doctors at the only working clinic counted eleven '
    "dead and said that the generator had fuel for one more night."
)
ARABIC = (
    "قال مسؤولون يوم الاثنين إن القصف استمر على الحي القديم من المدينة لليوم الثالث على التوالي بينما حاول المقاتلون "
    "عبور النهر نحو الضفة الغربية وقال أطباء إن أحد عشر شخصا قتلوا"
)
CHINESE = (
    "周一炮弹连续第三天落在特尔汗的市场区，第四旅试图强行渡河。唯"
    "一仍在运作的诊所的医生说，已有十一人死亡，发电机的燃料只够再用一晚。"
)
THAI = "กระสุนปืนใหญ่ตกลงมาในย่านตลาดเป็นวันที่สามติดต่อกันเมื่อวันจันทร์ขณะที่กองพลที่สี่พยายามข้ามแม่น้ำแพทย์ที่คลินิกแห่งเดียวนับศพได้สิบเอ็ดศพ"
BASE = words_of(AGENCY)[2:24]
TEXTS = st.one_of(
    st.lists(st.sampled_from(BASE), max_size=24).map(" ".join),
    st.sets(st.integers(0, len(BASE)), max_size=4).map(
        lambda gone: " ".join(w for i, w in enumerate(BASE) if i not in gone)
    ),
)


def paragraphs() -> list[str]:
    lines = (DATA / "train.jsonl").read_text(encoding="utf-8").splitlines()
    return [p["text"] for line in lines for p in json.loads(line)["paragraphs"]]


def found_pairs(texts: list[str], found: Duplicates) -> set[frozenset[str]]:
    """Give the pairs as sets of normalised texts, so that orders can be compared."""
    spelt = {int(w): " ".join(words_of(text)) for w, text in zip(found.wording, texts, strict=True)}
    return {frozenset((spelt[a], spelt[b])) for a, b in found.pairs.tolist()}


def are_copies(one: str, other: str, **options: float) -> bool:
    found = find_duplicates([one, other], **options)
    numbers = found.clusters()
    return bool(numbers[0] == numbers[1])


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda t: t.replace("BEIRUT (Wire) — ", ""), id="no dateline"),
        pytest.param(lambda t: t.replace("BEIRUT (Wire)", "AMSUR, Hadrania (Other Press)"), id="another dateline"),
        pytest.param(lambda t: t.replace(" on Monday", ""), id="no weekday"),
        pytest.param(lambda t: t.replace('"', "»").replace("—", "-"), id="other quotes and dashes"),
        pytest.param(lambda t: t.upper(), id="capitals"),
        pytest.param(lambda t: t + " (Wire)", id="an agency tag"),
        pytest.param(
            lambda t: t.replace(' "Nobody can cross," said a baker.', ""), id="a sentence cut from the middle"
        ),
        pytest.param(lambda t: t[: t.index("Doctors")], id="a sentence cut from the end"),
        pytest.param(
            lambda t: t.replace(" ", "\u00a0 ").replace("working", "work\u00ading"), id="invisible characters"
        ),
        pytest.param(lambda t: t.replace("eleven", "at least eleven"), id="a correction"),
    ],
)
def test_a_reprint_is_found(edit: Callable[[str], str]) -> None:
    assert edit(AGENCY) != AGENCY
    assert are_copies(AGENCY, edit(AGENCY))


@pytest.mark.parametrize(
    "other",
    [
        "",
        "Shells fell on the market quarter of Terhan.",
        "On Monday the 4th Brigade opened a second road across the river, and the market quarter of Terhan was quiet.",
        " ".join(sorted(AGENCY.split())),
    ],
)
def test_other_texts_are_no_copies(other: str) -> None:
    assert not are_copies(AGENCY, other)


@pytest.mark.parametrize(
    ("text", "copy", "other"),
    [
        (ARABIC, ARABIC.replace("يوم الاثنين ", ""), " ".join(reversed(ARABIC.split()))),
        (ARABIC, ARABIC.replace("القصف", "القَصْف"), "قال"),  # vowel points
        (CHINESE, CHINESE.replace("周一", ""), CHINESE[::-1]),
        (CHINESE, CHINESE.replace("，", ","), "路透社对此报道亦有贡献"),
        (THAI, THAI.replace("เมื่อวันจันทร์", ""), THAI[::-1]),
        ("Erdoğan’s envoy met the elders of Nágy in the café for a whole day",) * 2 + ("",),
    ],
)
def test_other_scripts_are_read(text: str, copy: str, other: str) -> None:
    assert are_copies(text, copy)
    assert not are_copies(text, other)


def test_accents_and_apostrophes_do_not_matter() -> None:
    assert words_of("Erdoğan’s “café”, NÁGY!") == words_of("Erdogan's 'cafe' nagy")


def test_unspaced_scripts_become_threes_of_characters_and_count_half() -> None:
    assert words_of("炮弹落在市场 AK47步枪声") == ["炮弹落", "弹落在", "落在市", "在市场", "ak47", "步枪声"]
    assert length_of(words_of(CHINESE)) > FEWEST_WORDS
    assert length_of(words_of("路透社对此报道亦有贡献")) < FEWEST_WORDS
    assert words_of("हिन्दी की ख़बर") == words_of("हिन्दी की ख़बर ।")
    assert len(words_of("हिन्दी की ख़बर")) == 3


def test_short_texts_are_copies_of_none_but_share_their_wording() -> None:
    line = "Reuters contributed to this report."
    found = find_duplicates([line, line.upper(), "", "—", "***", AGENCY])
    assert found.wording[0] == found.wording[1]
    assert found.wording[2] == found.wording[3] == found.wording[4]
    assert len(set(found.clusters())) == 6
    assert found.short[found.wording].tolist() == [True] * 5 + [False]


def test_recall_on_planted_copies() -> None:
    """Every copy that is near by the exact measure is found: at least 99.5% of them, over several seeds."""
    rng = np.random.default_rng(7)
    originals = paragraphs()[:800]
    copies = []
    for text in originals:
        words = text.split()
        at = int(rng.integers(len(words)))
        kind = int(rng.integers(4))
        edited = [
            ["AMSUR", "(Wire)", "-", *words],
            words[:at] + words[at + 2 :],
            words[: max(len(words) // 2 + 2, 8)],
            [*words[:at], "reportedly", *words[at + 1 :]],
        ][kind]
        copies.append(" ".join(edited))
    near = [
        (lambda j, c: j >= 0.8 or c >= 0.9)(*similarity(one, other))
        for one, other in zip(originals, copies, strict=True)
    ]
    assert np.mean(near) > 0.8
    recalls = []
    for seed in range(3):
        numbers = find_duplicates([*originals, *copies], seed=seed).clusters()
        recalls.append(np.mean((numbers[:800] == numbers[800:])[near]))
        strangers = np.unique(numbers[:800]).size
        assert strangers == 800  # and no two originals are taken for copies
    assert min(recalls) >= 0.995


def test_the_similarities_are_exact() -> None:
    texts = [AGENCY, AGENCY.replace(" on Monday", ""), AGENCY[: AGENCY.index("Doctors")], AGENCY + " (Wire)"]
    found = find_duplicates(texts)
    assert len(found.pairs) >= 4
    place = {int(w): text for w, text in zip(found.wording, texts, strict=True)}
    for (one, other), jaccard, containment in zip(found.pairs.tolist(), found.jaccard, found.containment, strict=True):
        first, second = (set(pairwise(w)) for w in map(words_of, (place[one], place[other])))
        assert jaccard == len(first & second) / len(first | second)
        assert containment == len(first & second) / min(len(first), len(second))
        assert (jaccard, containment) == similarity(place[one], place[other])


@quick
@given(one=TEXTS, other=TEXTS)
def test_similarity_is_symmetric_and_reflexive(one: str, other: str) -> None:
    assert similarity(one, other) == similarity(other, one)
    assert similarity(one, one) == (1, 1)
    jaccard, containment = similarity(one, other)
    assert 0 <= jaccard <= containment <= 1


@quick
@given(texts=st.lists(TEXTS, max_size=12), data=st.data())
def test_the_order_of_the_texts_changes_nothing(texts: list[str], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(texts))))
    shuffled = [texts[i] for i in order]
    found, again = find_duplicates(texts), find_duplicates(shuffled)
    assert found_pairs(texts, found) == found_pairs(shuffled, again)
    same = found.clusters()[:, None] == found.clusters()
    same_again = again.clusters()[:, None] == again.clusters()
    assert np.array_equal(same[np.ix_(order, order)], same_again)


@quick
@given(texts=st.lists(TEXTS, min_size=1, max_size=8), data=st.data())
def test_identical_texts_are_always_found(texts: list[str], data: st.DataObject) -> None:
    copied = data.draw(st.sampled_from(texts))
    found = find_duplicates([*texts, copied])
    assert found.wording[-1] == found.wording[texts.index(copied)]
    if len(copied.split()) >= FEWEST_WORDS:
        assert found.clusters()[-1] == found.clusters()[texts.index(copied)]


@quick
@given(texts=st.lists(TEXTS, max_size=12), thresholds=st.tuples(st.floats(0.5, 1), st.floats(0.5, 1)))
def test_a_lower_threshold_only_adds_pairs(texts: list[str], thresholds: tuple[float, float]) -> None:
    low, high = sorted(thresholds)
    assert found_pairs(texts, find_duplicates(texts, threshold=high)) <= found_pairs(
        texts, find_duplicates(texts, threshold=low)
    )


def test_the_same_seed_gives_the_same_and_pairs_have_an_order() -> None:
    texts = [text for t in paragraphs()[:50] for text in (t, f"AMSUR — {t}")]
    first, second = (find_duplicates(texts, seed=3) for _ in range(2))
    assert np.array_equal(first.pairs, second.pairs)
    assert (first.pairs[:, 0] < first.pairs[:, 1]).all()


@pytest.mark.parametrize("threshold", [0.49, 1.01, float("nan"), -1])
def test_thresholds_that_are_none_are_refused(threshold: float) -> None:
    with pytest.raises(DataError, match=r"similarity from 0\.5 to 1"):
        find_duplicates([AGENCY], threshold=threshold)


@pytest.mark.parametrize("texts", [[], [""], ["", "  ", "—"], [AGENCY]])
def test_nothing_to_compare_gives_no_pair(texts: list[str]) -> None:
    found = find_duplicates(texts)
    assert found.pairs.shape == (0, 2)
    assert len(set(found.clusters())) == len(texts)


def test_a_giant_paragraph_is_read_whole() -> None:
    rng = np.random.default_rng(0)
    giant = " ".join(f"word{i}" for i in rng.integers(3_000, size=12_000))[:100_000]
    assert are_copies(giant, f"AMSUR — {giant[:-20]}")
    assert not are_copies(giant, "a" * 100_000)
    assert are_copies(CHINESE * 1_500, CHINESE * 1_400)


def test_thousands_of_identical_paragraphs_are_one_wording() -> None:
    found = find_duplicates([AGENCY] * 20_000 + [AGENCY.upper()] * 20_000)
    assert len(found.short) == 1
    assert found.pairs.shape == (0, 2)
    assert found.clusters().max() == 0


def test_thousands_of_nearly_identical_paragraphs_grow_no_square() -> None:
    n = 4 * LARGEST_BUCKET
    found = find_duplicates([f"{AGENCY} {number}" for number in range(n)])
    assert found.clusters().max() == 0
    assert len(found.pairs) < n * n / 8


def test_shingles_of_one_word_and_of_none() -> None:
    sets = shingle_sets([["alone"], [], ["alone", "again"], ["alone"]])
    assert sets.sizes.tolist() == [1, 0, 1, 1]
    assert sets.columns[0] == sets.columns[2] != sets.columns[1]


def test_components_of_nothing_and_of_pairs() -> None:
    assert connected(0, np.zeros((0, 2), np.int64)).tolist() == []
    joined = connected(4, np.array([[0, 2], [2, 3]]))
    assert joined[0] == joined[2] == joined[3] != joined[1]
