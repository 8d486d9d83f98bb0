"""The web page, in a browser, against the stub: what a person sees, hears and takes away."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.page_stub import CUES, THRESHOLDS, Stub, serving

playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")

ARTICLE = (Path(__file__).parent.parent / "data" / "sample_article.txt").read_text(encoding="utf-8")
HOSTILE = (
    "Convoy leaves Terhan\n\n"
    "<script>document.title = 'broken'</script> Shells fell on the wool market <img src=x onerror=\"document.title="
    "'broken'\"> on Tuesday night & again before noon, doctors said.\n\n"
    "=cmd|' /C calc'!A0 was what the mediator wrote, in terms that nobody in the town could read at all.\n\n"
    '𝕊𝔻 🚌🚌 Green buses left the town before noon, "quoted", with a comma, and 🚌 buses came back again.\n'
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        chosen = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chosen
        chosen.close()


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Stub, str]]:
    stub = Stub()
    with serving(stub) as url:
        yield stub, url


@pytest.fixture
def stub(server: tuple[Stub, str]) -> Iterator[Stub]:
    stub = server[0]
    yield stub
    vars(stub).update(vars(Stub()))


class Visit:
    """A page that is open, and what it did besides showing itself."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.url = url
        self.context = browser.new_context(accept_downloads=True, **options)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
        self.page = self.context.new_page()
        self.page.set_default_timeout(8_000)
        self.requests: list[str] = []
        self.faults: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        self.page.on("console", self._hear)
        self.page.goto(url)

    def _hear(self, message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(message.text)

    def label(self, article: str = ARTICLE) -> None:
        self.page.fill("#article", article)
        self.page.get_by_role("button", name="Label paragraphs").click()
        playwright.expect(self.page.locator("#status")).to_contain_text("Done:")

    def carried(self) -> list[list[str]]:
        """Give the names of the labels each paragraph visibly carries."""
        return [
            [chip.locator(".name").inner_text() for chip in each.locator(".chip:visible").all()]
            for each in self.page.locator(".paragraph").all()
        ]

    def totals(self) -> dict[str, int]:
        rows = self.page.locator(".slider").all()
        return {row.locator("label").inner_text(): int(row.locator(".count").inner_text()) for row in rows}

    def slide(self, label: str, value: str) -> None:
        self.page.get_by_role("slider", name=label).fill(value)

    def download(self, button: str) -> bytes:
        if not self.page.get_by_role("button", name=button).is_visible():
            self.page.get_by_text("Copy or download").click()
        with self.page.expect_download() as awaited:
            self.page.get_by_role("button", name=button).click()
        return Path(awaited.value.path()).read_bytes()


@pytest.fixture
def visit(browser: Any, server: tuple[Stub, str], stub: Stub) -> Iterator[Visit]:
    visit = Visit(browser, server[1])
    yield visit
    visit.context.close()
    assert visit.faults == []
    assert {re.sub(r"^(blob:)?(https?://[^/]*).*", r"\2", each) for each in visit.requests} == {visit.url}


EXPECTED = [
    ["surrender_deal", "evacuation"],
    ["surrender_deal"],
    ["negotiation"],
    ["clashes"],
    ["kidnapping"],
    [],
]


@in_a_browser
def test_paragraphs_show_their_labels_and_scores(visit: Visit) -> None:
    visit.label()
    assert visit.carried() == EXPECTED
    assert visit.totals() == {"clashes": 1, "negotiation": 1, "kidnapping": 1, "surrender_deal": 2, "evacuation": 1}
    first = visit.page.locator(".paragraph").first
    assert re.search(r"surrender_deal\s*0\.\d\d", first.inner_text())
    assert first.locator(".lane.on").count() == 2
    assert "no label" in visit.page.locator(".paragraph").last.inner_text()
    playwright.expect(visit.page.locator("#totals")).to_have_text("6 paragraphs, 5 with a label.")
    assert "minilm" in visit.page.locator("#model").inner_text()


@in_a_browser
def test_title_and_what_was_left_out_stand_in_place(visit: Visit) -> None:
    visit.label()
    shown = visit.page.locator("#reading").inner_text()
    order = [
        *("Meridian Wire", "Convoy leaves Terhan as rebels", "By Ilse Varga", "TERHAN —", "READ MORE", "A hard week"),
        *("The quiet came", "Related Articles", "© 2019"),
    ]
    assert [shown.index(each) for each in order] == sorted(shown.index(each) for each in order)
    assert shown.count("Convoy leaves Terhan as rebels") == 1
    caption = visit.page.locator(".left-out", has_text="Buses wait")
    assert caption.locator(".role").inner_text() == "caption"
    colours = [
        visit.page.evaluate("e => getComputedStyle(e).color", place.element_handle())
        for place in (caption, visit.page.locator(".paragraph .text").first)
    ]
    assert colours[0] != colours[1]
    visit.page.get_by_label("Show what was left out").uncheck()
    playwright.expect(caption).to_be_hidden()


@in_a_browser
def test_a_slider_changes_labels_at_once_and_reset_brings_them_back(visit: Visit) -> None:
    visit.label()
    sent = len(visit.requests)
    visit.slide("clashes", "0.9")
    assert visit.carried()[3] == []
    assert visit.totals()["clashes"] == 0
    visit.slide("clashes", "0")
    assert visit.totals()["clashes"] == 6
    assert visit.page.get_by_role("slider", name="clashes").get_attribute("aria-valuetext") == (
        "0.00, carried by 6 paragraphs"
    )
    visit.page.get_by_role("button", name="Reset thresholds").click()
    assert visit.carried() == EXPECTED
    assert visit.page.url == f"{visit.url}/"
    assert len(visit.requests) == sent


@in_a_browser
def test_a_threshold_no_score_reaches_is_shown_as_never(visit: Visit, stub: Stub) -> None:
    stub.thresholds = {**THRESHOLDS, "kidnapping": 2.0}
    visit.label()
    row = visit.page.locator(".slider", has_text="kidnapping")
    assert row.locator(".value").inner_text() == "never"
    assert visit.totals()["kidnapping"] == 0
    visit.slide("kidnapping", "0.5")
    assert visit.totals()["kidnapping"] == 1


@in_a_browser
def test_the_link_holds_thresholds_and_no_text(visit: Visit) -> None:
    visit.label()
    visit.slide("clashes", "0.9")
    visit.page.get_by_role("button", name="Copy link").click()
    playwright.expect(visit.page.locator("#status")).to_contain_text("is copied")
    link = visit.page.evaluate("navigator.clipboard.readText()")
    assert link == f"{visit.url}/#clashes=0.9"
    visit.page.goto("about:blank")
    visit.requests.clear()
    visit.page.goto(f"{link}&unheard-of=0.1&evacuation=nonsense&negotiation=7")
    visit.label()
    assert visit.carried()[3] == []
    assert [each for each in visit.carried() if each] == [
        ["surrender_deal", "evacuation"],
        *EXPECTED[1:3],
        ["kidnapping"],
    ]
    assert all("Terhan" not in request for request in visit.requests)


@in_a_browser
def test_pointing_at_a_label_shows_its_words_and_asks_once(visit: Visit, stub: Stub) -> None:
    visit.label()
    assert [explain for _, explain in stub.bodies] == [False]
    third = visit.page.locator(".paragraph").nth(3)
    third.get_by_role("button", name="clashes").hover()
    playwright.expect(third.locator("mark.adds").first).to_have_text("Shells")
    assert third.locator("mark.takes").all_inner_texts() == ["quiet", "only"]
    assert "For clashes: fell +2.10, Shells +1.70" in third.locator(".why").inner_text()
    assert third.locator(".text").inner_text().startswith("The quiet came after a hard week. Shells fell on")
    visit.page.locator("h1").hover()
    playwright.expect(third.locator("mark")).to_have_count(0)
    third.get_by_role("button", name="clashes").click()
    playwright.expect(third.locator(".why.pinned")).to_be_visible()
    visit.page.locator("h1").hover()
    playwright.expect(third.locator(".why.pinned")).to_be_visible()
    visit.page.keyboard.press("Escape")
    playwright.expect(third.locator(".why")).to_have_count(0)
    assert [(len(body.get("texts", ())), explain) for body, explain in stub.bodies] == [(0, False), (1, True)]


@in_a_browser
def test_words_are_marked_where_they_stand_beyond_the_basic_plane(visit: Visit) -> None:
    visit.label(HOSTILE)
    last = visit.page.locator(".paragraph").last
    last.get_by_role("button", name="evacuation").click()
    playwright.expect(last.locator("mark.adds").first).to_have_text("buses")
    strong = [mark.inner_text() for mark in last.locator("mark.adds").all()]
    assert strong == ["buses", "buses"]
    assert last.locator(".text").inner_text() == HOSTILE.strip().split("\n\n")[-1]


@in_a_browser
def test_an_explanation_that_fails_is_told_and_may_be_asked_again(visit: Visit, stub: Stub) -> None:
    visit.label()
    stub.faults.append((503, "it took 30 seconds", None, {}))
    third = visit.page.locator(".paragraph").nth(3)
    third.get_by_role("button", name="clashes").click()
    playwright.expect(third.locator(".why")).to_contain_text("it took 30 seconds")
    third.get_by_role("button", name="clashes").click()
    third.get_by_role("button", name="clashes").click()
    playwright.expect(third.locator("mark.adds").first).to_have_text("Shells")


@in_a_browser
def test_a_hostile_article_stays_text(visit: Visit) -> None:
    visit.label(HOSTILE)
    shown = visit.page.locator("#reading").inner_text()
    assert "<script>document.title = 'broken'</script> Shells fell" in shown
    assert "<img src=x onerror=" in shown
    visit.page.locator(".paragraph").first.get_by_role("button", name="clashes").click()
    playwright.expect(visit.page.locator("mark.adds").first).to_have_text("Shells")
    assert visit.page.locator("#reading").locator("script, img").count() == 0
    assert visit.page.title() == "textclf"


@in_a_browser
def test_hostile_names_of_labels_and_errors_stay_text(visit: Visit, stub: Stub) -> None:
    stub.faults.append((422, "<b onclick=x>no</b>", "<i>article</i>", {}))
    visit.page.fill("#article", "x")
    visit.page.keyboard.press("Control+Enter")
    playwright.expect(visit.page.get_by_role("alert")).to_contain_text("<b onclick=x>no</b>")
    assert visit.page.locator("#error b, #error i").count() == 0


@in_a_browser
def test_downloads_parse_back(visit: Visit) -> None:
    visit.label(HOSTILE)
    visit.slide("negotiation", "0.99")
    raw = visit.download("Download CSV").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(raw, newline="")))
    held = json.loads(visit.download("Download JSON"))
    assert [row["paragraph"] for row in rows] == ["0", "1", "2"]
    assert [row["labels"] for row in rows] == ["clashes", "", "evacuation"]
    assert rows[1]["text"].startswith("'=cmd|")
    assert [row["text"] for row in (rows[0], rows[2])] == [HOSTILE.strip().split("\n\n")[n] for n in (1, 3)]
    assert [p["labels"] for p in held["paragraphs"]] == [["clashes"], [], ["evacuation"]]
    assert held["paragraphs"][1]["text"].startswith("=cmd|")
    assert held["thresholds"] == {**THRESHOLDS, "negotiation": 0.99}
    assert held["model"]["thresholds"] == THRESHOLDS
    for row, paragraph in zip(rows, held["paragraphs"], strict=True):
        assert {label: float(row[f"score {label}"]) for label in CUES} == paragraph["scores"]
        assert (int(row["start"]), int(row["end"])) == (paragraph["start"], paragraph["end"])


@in_a_browser
def test_what_is_copied_is_what_is_downloaded(visit: Visit) -> None:
    visit.label()
    for kind in ("CSV", "JSON"):
        saved = visit.download(f"Download {kind}").decode("utf-8-sig")
        visit.page.get_by_role("button", name=f"Copy {kind}").click()
        playwright.expect(visit.page.locator("#status")).to_have_text(f"The {kind} is copied.")
        assert visit.page.evaluate("navigator.clipboard.readText()").replace("\r\n", "\n") == saved.replace(
            "\r\n", "\n"
        )


DROP = """([name, type, bytes]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
  for (const kind of ["dragover", "drop"])
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


@in_a_browser
@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (ARTICLE.encode("utf-8"), None),
        (ARTICLE.encode("utf-16"), "utf-16le"),
        (ARTICLE.replace("TERHAN —", "‘Café’ —").encode("cp1252"), "windows-1252"),
    ],
)
def test_a_file_that_is_dropped_is_labelled(visit: Visit, raw: bytes, encoding: str | None) -> None:
    visit.page.evaluate(DROP, ["terhan.txt", "text/plain", [*raw]])
    playwright.expect(visit.page.locator("#status")).to_contain_text("Done:")
    assert visit.carried() == EXPECTED
    shown = "terhan.txt" if encoding is None else f"terhan.txt, read as {encoding}"
    assert visit.page.locator("#file-name").inner_text() == shown
    if encoding == "windows-1252":
        assert "‘Café’ —" in visit.page.locator(".paragraph").first.inner_text()


@in_a_browser
def test_text_dragged_within_the_field_replaces_nothing(visit: Visit) -> None:
    visit.page.fill("#article", ARTICLE)
    kept = visit.page.evaluate(
        """() => {
          const dataTransfer = new DataTransfer();
          dataTransfer.setData("text/plain", "a word");
          const drop = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
          return document.getElementById("article").dispatchEvent(drop);
        }"""
    )
    assert kept is True
    assert visit.page.input_value("#article") == ARTICLE


@in_a_browser
def test_a_pointer_that_passes_over_gives_up_what_is_under_way(visit: Visit, stub: Stub) -> None:
    visit.label()
    stub.gate = threading.Event()
    failed: list[str] = []
    visit.page.on("requestfailed", lambda request: failed.append(request.url))
    first, third = visit.page.locator(".paragraph").nth(0), visit.page.locator(".paragraph").nth(3)
    with visit.page.expect_request("**/v1/predict?explain=true"):
        first.get_by_role("button", name="evacuation").hover()
    playwright.expect(first.locator(".why")).to_contain_text("Asking which words")
    with visit.page.expect_request("**/v1/predict?explain=true"):
        third.get_by_role("button", name="clashes").hover()
    stub.gate.set()
    playwright.expect(third.locator("mark.adds").first).to_have_text("Shells")
    assert failed == [f"{visit.url}/v1/predict?explain=true"]
    stub.gate = None
    first.get_by_role("button", name="evacuation").hover()
    playwright.expect(first.locator("mark.adds").first).to_have_text("buses")


@in_a_browser
def test_a_file_may_be_chosen_and_one_that_is_no_text_is_told(visit: Visit) -> None:
    page = "<html><body><article><h1>Convoy</h1>" + "<p>Shells fell on the wool market on Tuesday night.</p>" * 3
    visit.page.set_input_files("#file", {"name": "a.html", "mimeType": "text/html", "buffer": page.encode()})
    playwright.expect(visit.page.locator("#status")).to_contain_text("Done:")
    assert visit.carried()[0] == ["clashes"]
    visit.page.set_input_files("#file", {"name": "a.pdf", "mimeType": "text/plain", "buffer": b"%PDF\0\1\2"})
    playwright.expect(visit.page.get_by_role("alert")).to_contain_text("a.pdf is no text")


@in_a_browser
def test_everything_can_be_done_with_the_keyboard(visit: Visit) -> None:
    keys = visit.page.keyboard
    visit.page.focus("#article")
    keys.insert_text(ARTICLE)
    keys.press("Control+Enter")
    playwright.expect(visit.page.locator("#status")).to_contain_text("Done:")

    def tab_to(selector: str) -> None:
        for _ in range(60):
            keys.press("Tab")
            if visit.page.evaluate("s => document.activeElement.matches(s)", selector):
                return
        raise AssertionError(f"{selector} is not reached")

    tab_to("#slider-0")
    keys.press("Home")
    assert visit.totals()["clashes"] == 6
    tab_to("#reset")
    keys.press("Enter")
    assert visit.totals()["clashes"] == 1
    tab_to(".chip")
    first = visit.page.locator(".paragraph").first
    playwright.expect(first.locator(".why")).to_contain_text("For surrender_deal:")
    assert visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    keys.press("Escape")
    playwright.expect(first.locator(".why")).to_have_count(0)
    keys.press("Enter")
    playwright.expect(first.locator(".why.pinned")).to_contain_text("For surrender_deal:")
    assert visit.page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    keys.press("Tab")
    keys.press("Space")
    playwright.expect(first.locator(".why")).to_contain_text("For evacuation:")


@in_a_browser
def test_a_token_is_asked_for_after_a_401_and_kept(visit: Visit, stub: Stub) -> None:
    stub.token = "a-token-of-some-length"
    field, alert = visit.page.locator("#token"), visit.page.get_by_role("alert")
    playwright.expect(field).to_be_hidden()
    visit.page.fill("#article", ARTICLE)
    visit.page.keyboard.press("Control+Enter")
    playwright.expect(alert).to_contain_text("This server asks for a token.")
    playwright.expect(field).to_be_focused()
    for given, told in (("wrong", "did not accept the token"), ("“wrong”", "characters that no token has")):
        field.fill(given)
        field.press("Enter")
        playwright.expect(alert).to_contain_text(told)
    field.fill(stub.token)
    field.press("Enter")
    playwright.expect(visit.page.locator("#status")).to_contain_text("Done:")
    playwright.expect(field).to_be_hidden()
    playwright.expect(alert).to_be_hidden()
    visit.page.reload()
    visit.label()
    assert visit.page.evaluate("localStorage.length") == 0
    assert all(stub.token not in request for request in visit.requests)


@in_a_browser
@pytest.mark.parametrize(
    ("status", "headers", "told"),
    [
        (429, {"Retry-After": "12"}, r"Too many requests for now\. Try again in 12 seconds, at \d+:\d\d"),
        (429, {}, r"Try again in a little while"),
        (503, {"Retry-After": "1"}, r"busy or not ready\. Try again in 1 second, at"),
        (413, {}, r"too large for this server"),
        (422, {}, r"could not read this as an article"),
        (408, {}, r"took too long"),
        (500, {}, r"answered with status 500"),
    ],
)
def test_errors_are_told_with_what_to_do(
    visit: Visit, stub: Stub, status: int, headers: dict[str, str], told: str
) -> None:
    stub.faults.extend([(status, "the reason", "here", headers)] * 3)  # Chromium itself tries again after a 408
    visit.page.fill("#article", ARTICLE)
    visit.page.get_by_role("button", name="Label paragraphs").click()
    playwright.expect(visit.page.get_by_role("alert")).to_contain_text(re.compile(told))
    assert "The server says: the reason" in visit.page.get_by_role("alert").inner_text()
    stub.faults.clear()
    visit.label()
    playwright.expect(visit.page.get_by_role("alert")).to_be_hidden()


@in_a_browser
def test_a_server_that_is_gone_and_an_article_that_is_missing_are_told(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Label paragraphs").click()
    playwright.expect(visit.page.get_by_role("alert")).to_contain_text("There is no article yet")
    visit.page.route("**/v1/predict", lambda route: route.abort("connectionrefused"))
    visit.page.fill("#article", ARTICLE)
    visit.page.keyboard.press("Control+Enter")
    playwright.expect(visit.page.get_by_role("alert")).to_contain_text("The server cannot be reached")


@in_a_browser
def test_work_in_progress_is_shown_and_may_be_stopped(visit: Visit, stub: Stub) -> None:
    stub.gate = threading.Event()
    visit.page.fill("#article", ARTICLE)
    visit.page.keyboard.press("Control+Enter")
    playwright.expect(visit.page.locator("#progress")).to_be_visible()
    playwright.expect(visit.page.locator("#status")).to_have_text("Reading and labelling …")
    visit.page.get_by_role("button", name="Stop").click()
    playwright.expect(visit.page.locator("#status")).to_have_text("Stopped.")
    playwright.expect(visit.page.locator("#progress")).to_be_hidden()
    stub.gate.set()
    visit.label()


@in_a_browser
def test_a_label_the_server_did_not_explain_is_said_to_be_without_words(visit: Visit) -> None:
    def without_evacuation(route: Any) -> None:
        record = route.fetch().json()
        for paragraph in record["paragraphs"]:
            if paragraph["explanation"]:
                del paragraph["explanation"]["labels"]["evacuation"]
        route.fulfill(json=record)

    visit.page.route("**/v1/predict*", without_evacuation)
    visit.label("Shells fell.")
    visit.page.get_by_label("Show every score").check()
    visit.page.locator(".paragraph").get_by_role("button", name="evacuation").click()
    playwright.expect(visit.page.locator(".why")).to_contain_text("explains only the labels that it finds")


@in_a_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_answers_a_tap(browser: Any, server: tuple[Stub, str], stub: Stub, scheme: str) -> None:
    small = {"width": 390, "height": 844}
    visit = Visit(browser, server[1], viewport=small, has_touch=True, is_mobile=True, color_scheme=scheme)
    long = f"{ARTICLE}\n\nThe mediator shuttled between {'x' * 300} and the town for days on end, he said there.\n"
    visit.label(long)
    visit.page.get_by_label("Show every score").check()
    third = visit.page.locator(".paragraph").nth(3)
    third.get_by_role("button", name="clashes").tap()
    playwright.expect(third.locator(".why.pinned")).to_contain_text("For clashes:")
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
    short = "e => [...e].filter(b => b.offsetParent && b.getBoundingClientRect().height < 24).map(b => b.outerHTML)"
    assert visit.page.locator("button, input[type=range], summary, .ticks label").evaluate_all(short) == []
    visit.context.close()
    assert visit.faults == []


@in_a_browser
def test_in_print_there_is_the_article_and_nothing_to_press(visit: Visit) -> None:
    visit.label()
    visit.page.emulate_media(media="print")
    for gone in ("#form", "header", "#slider-0", "#reset", "footer"):
        playwright.expect(visit.page.locator(gone)).to_be_hidden()
    assert visit.carried() == EXPECTED
    assert visit.totals()["surrender_deal"] == 2


@in_a_browser
def test_what_people_press_has_a_name(visit: Visit) -> None:
    visit.label()
    nameless = """all => all.filter(e => e.offsetParent && !(e.textContent.trim() || e.labels?.length
      || e.getAttribute("aria-label"))).map(e => e.outerHTML)"""
    assert visit.page.locator("button, input, textarea, summary, a, select").evaluate_all(nameless) == []
    assert visit.page.locator("[role=status]").first.inner_text() == "Done: 6 paragraphs, 5 with a label."
    assert visit.page.locator("h1").count() == 1
