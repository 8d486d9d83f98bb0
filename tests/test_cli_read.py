"""The `textclf read` command as a user types it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from textclf.cli import main
from textclf.progress import log

PAGE = """Home
Gunmen seize bus with forty passengers north of Terhan
By Dana Ruiz
14 March 2021
TERHAN — Gunmen seized a bus with forty passengers on the road north of the town on Monday, two drivers said.
The governor said that nobody had claimed the attack, and asked the families to wait at the customs house.
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a function that runs `textclf read` and returns exit code, stdout and stderr."""

    def call(*arguments: str | Path, stdin: bytes | None = None) -> tuple[int, str, str]:
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin))))
        monkeypatch.setattr(log, "handlers", [])  # an earlier test's handler writes to that test's stderr
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main(["read", *map(str, arguments)])
        out, err = capfd.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "pages" / "story.txt"
    path.parent.mkdir()
    path.write_text(PAGE, encoding="utf-8")
    return path


def test_an_article_is_shown_with_what_stands_around_it_and_what_was_left_out(story: Path, run: Run):
    code, out, _ = run(story)
    assert code == 0
    lines = [line.rstrip() for line in out.splitlines()]
    assert "title    Gunmen seize bus with forty passengers north of Terhan" in lines
    assert "date     14 March 2021 (2021-03-14)" in lines
    assert "byline   By Dana Ruiz" in lines
    assert "dateline TERHAN" in lines
    assert any(line.startswith("[0] TERHAN — Gunmen seized") for line in lines)
    assert any(line.startswith("[1] The governor said") for line in lines)
    assert "left out:" in out
    assert "Home" not in out


def test_why_shows_every_block_with_its_role_and_reason(story: Path, run: Run):
    code, out, _ = run(story, "--why")
    assert code == 0
    folded = "".join(out.split())
    for said in ("navigation", "awordofmenus", "heading", "theheadline", "byline", "namesitsauthor", "0-4"):
        assert said in folded


def test_json_is_one_article_a_line_and_reading_it_again_gives_the_same_bytes(story: Path, run: Run):
    (story.parent / "café.html").write_text(
        f"<html><body><h1>Ferry lost off Pell on Monday</h1><p>{PAGE.splitlines()[4]}</p></body></html>",
        encoding="utf-8",
    )
    pytest.importorskip("trafilatura")
    code, first, _ = run(story.parent, "--json")
    assert code == 0
    assert [json.loads(line)["article_id"] for line in first.splitlines()] == ["café", "story"]
    code, second, _ = run("-", "--json", stdin=first.encode())
    assert (code, second) == (0, first)


def test_out_writes_what_read_and_predict_take(story: Path, run: Run, tmp_path: Path):
    out = tmp_path / "articles.jsonl"
    code, _, _ = run(story, "--out", out)
    assert code == 0
    _, shown, _ = run(story, "--json")
    assert out.read_text(encoding="utf-8") == shown
    assert run(out, "--json")[1] == shown


@pytest.mark.parametrize("given", [PAGE.encode(), PAGE.encode("utf-16"), PAGE.replace("\n", "\r\n").encode()])
def test_standard_input_is_read(run: Run, given: bytes):
    code, out, _ = run("-", "--json", stdin=given)
    record = json.loads(out)
    assert code == 0
    assert (record["article_id"], record["date"], len(record["paragraphs"])) == ("stdin", "2021-03-14", 2)


def test_articles_without_blocks_are_told_as_such(run: Run):
    code, out, _ = run("-", "--why", stdin=b'{"article_id": "[red]a", "paragraphs": ["One."]}\n')
    assert code == 0
    assert "[red]a: its paragraphs are given as such, so no role was decided" in " ".join(out.split())


def test_what_a_page_holds_is_never_taken_for_markup_of_the_screen(run: Run):
    line = "The [bold]governor[/bold] said on Monday that [/red] nobody had claimed the attack on the bus."
    for options in ([], ["--why"]):
        code, out, _ = run("-", *options, stdin=f"{PAGE}{line}\n".encode())
        assert code == 0
        assert "[bold]" in out


def test_half_characters_are_written_as_escapes(run: Run, tmp_path: Path):
    given = b'{"article_id": "a", "paragraphs": ["One \\ud800 two."]}\n'
    code, out, _ = run("-", "--json", stdin=given)
    assert code == 0
    assert "\\ud800" in out
    assert run("-", "--json", stdin=out.encode())[1] == out
    code, _, _ = run("-", "--out", tmp_path / "a.jsonl", stdin=given)
    assert code == 0
    assert json.loads((tmp_path / "a.jsonl").read_text(encoding="utf-8"))["paragraphs"][0]["text"] == "One \ud800 two."


def test_half_characters_are_shown_on_the_screen(run: Run):
    given = b'{"article_id": "a\\ud800", "title": "\\udfff", "paragraphs": ["One \\ud800 two."]}\n'
    code, out, err = run("-", stdin=given)
    assert (code, "Traceback" in err) == (0, False)
    assert "two." in out


def test_a_folder_tells_what_it_passes_over(story: Path, run: Run):
    (story.parent / "picture.png").write_bytes(b"\x89PNG")
    code, out, err = run(story.parent, "--json")
    assert code == 0
    assert len(out.splitlines()) == 1
    assert "picture.png: it holds no pages" in " ".join(err.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.txt"], "cannot read missing.txt: No such file"),
        (["{story}", "--json", "--why"], "give one of them"),
        (["{story}", "--out", "articles.csv"], "the ending must be .jsonl"),
        (["{empty}"], "there is no article in the input"),
        (["{pdf}"], "no text but a PDF"),
        (["{broken}"], "broken.jsonl:1: broken JSON"),
    ],
)
def test_a_mistake_is_one_clear_message(story: Path, run: Run, tmp_path: Path, arguments: list[str], said: str):
    places = {name: tmp_path / name for name in ("empty", "pdf", "broken.jsonl")}
    places["empty"].mkdir()
    places["pdf"].write_bytes(b"%PDF-1.7")
    places["broken.jsonl"].write_text("{", encoding="utf-8")
    filled = [
        a.format(story=story, empty=places["empty"], pdf=places["pdf"], broken=places["broken.jsonl"])
        for a in arguments
    ]
    code, out, err = run(*filled)
    assert code != 0
    assert said in " ".join(err.split())
    assert "Traceback" not in err
    assert out == ""


def test_a_failed_run_leaves_no_file(story: Path, run: Run, tmp_path: Path):
    out = tmp_path / "articles.jsonl"
    assert run(story, tmp_path / "missing.txt", "--out", out)[0] != 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pages"]
