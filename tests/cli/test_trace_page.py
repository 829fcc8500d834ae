"""The page of a trace, in a browser: what it shows, by mouse, keyboard and finger, to everyone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pi_runtime.model.vocabulary import START
from tests.cli.test_trace import HOSTILE, tokens
from tests.helpers.browser import Browser, browsing, needs_chromium
from tests.helpers.traces import drawing, page_of

pytestmark = needs_chromium

LETTERS = [*"the woods are\nlovely, dark and deep, but I have promises to keep", START]
WORDS = [
    *("леса", "прекрасны", ",", "темны", "и", "глубоки", ",", "но", "обещаний", "много", "дал"),
    *("я", "\n", "и", "путь", "далёк"),
]
FORBIDDEN = tuple(f"слово{number}" for number in range(11))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(autouse=True)
def _no_complaints(browser: Browser) -> Iterator[None]:
    """No page may ask for anything, or complain on the console."""
    yield
    complaints, browser.complaints = browser.complaints, []
    assert complaints == []


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of characters: 5 given, 54 drawn and an end mark, each of probability 0.3."""
    path = tmp_path_factory.mktemp("letters") / "why.html"
    path.write_text(page_of(drawing(LETTERS, prefix="In a ", share=0.3)), "utf-8")
    return path


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("words") / "why.html"
    """A text of words, none of which is among the ten likeliest."""
    sequence = drawing(
        [*WORDS, START], word_level=True, share=0.04,
        likelier=FORBIDDEN, forbid=" ".join(FORBIDDEN),
    )  # fmt: skip
    path.write_text(page_of(sequence), "utf-8")
    return path


def chosen(browser: Browser) -> int:
    """Return the number of the token that is chosen."""
    number: str = browser.run("document.querySelector('#text [aria-selected=true]').id.slice(1)")
    return int(number)


def test_the_text_is_there_token_by_token(browser: Browser, letters: Path) -> None:
    browser.open(letters)
    count = browser.run("document.querySelectorAll('#text [role=option]').length")
    assert count == 5 + len(LETTERS)
    shown = browser.run("document.querySelector('#text').textContent")
    assert shown == "In a " + "".join(LETTERS[:-1]).replace("\n", "") + "end"
    assert browser.run("[...document.querySelectorAll('#text .given')].length") == 5
    assert browser.run("document.querySelector('#t5').className") == "heat-1", "20–50%"
    assert browser.run("document.querySelectorAll('#entropy path:not(.zero)').length") == 2
    assert browser.text("#command") == "rnn-generate m.tflite --seed 7"


def test_words_keep_their_spaces(browser: Browser, words: Path) -> None:
    browser.open(words)
    shown = browser.run("document.querySelector('#text').textContent")
    assert shown.startswith("леса прекрасны, темны и глубоки, но")


def test_the_first_token_that_was_drawn_is_explained(browser: Browser, letters: Path) -> None:
    browser.open(letters)
    assert chosen(browser) == 5
    assert browser.text("#glyph") == "t"
    assert browser.text("#fact").startswith("30%, rank 1 of ")
    assert browser.text("#more").startswith("drawn at temperature 0 · entropy 4")
    rows = browser.run("[...document.querySelectorAll('#likeliest li')].map(e => e.innerText)")
    assert len(rows) == 10
    assert rows[0].split() == ["t", "30%"]
    looked = browser.run("[...document.querySelectorAll('#looked li')].map(e => e.title)")
    assert [each.split(":")[0] for each in looked] == [
        *("nothing", "nothing", "start", "I", "n", "space", "a", "space"),
    ]
    assert looked[-1] == "space: 22%", "8 of 1 + 2 + … + 8"


def test_a_token_that_was_not_among_the_likeliest(browser: Browser, words: Path) -> None:
    browser.open(words)
    browser.point("#t3")
    rows = browser.run("[...document.querySelectorAll('#likeliest li')].map(e => e.className)")
    assert rows == [*[""] * 10, "drawn beyond"]


def test_words_that_got_no_attention_take_one_place(browser: Browser, tmp_path: Path) -> None:
    page, attention = tmp_path / "why.html", [0, 0.001, 0, 0.001, 0.002, 0.096, 0.3, 0.6]
    page.write_text(page_of(drawing(WORDS, word_level=True), weights=attention), "utf-8")
    browser.open(page)
    browser.point("#t9")
    cells = browser.run(
        "[...document.querySelectorAll('#looked li')].map(e => [e.innerText.trim(), e.title])"
    )
    assert cells == [
        ["5 more", "0.39%"], [",", ",: 9.6%"], ["но", "но: 30%"], ["обещаний", "обещаний: 60%"]
    ]  # fmt: skip
    assert browser.text("#looked-note") == "The highest bar is 60% of the attention."


def test_what_was_given_was_not_drawn(browser: Browser, letters: Path) -> None:
    browser.open(letters)
    browser.point("#t0")
    assert (browser.text("#glyph"), browser.text("#fact")) == ("I", "Given")
    hidden = "document.querySelector('#attention').hidden"
    assert browser.run(hidden)


def test_marks_and_blanks_can_be_seen(browser: Browser, letters: Path) -> None:
    browser.open(letters)
    seen = {}
    for at in (5 + LETTERS.index(" "), 5 + LETTERS.index("\n"), 4 + len(LETTERS)):
        browser.point(f"#t{at}")
        seen[at] = browser.text("#glyph")
    assert list(seen.values()) == ["␣", "↵", "end"]


def test_words_that_mean_something_to_a_script(browser: Browser, tmp_path: Path) -> None:
    page, words = tmp_path / "why.html", ["constructor", "__proto__", "length"]
    page.write_text(page_of(drawing(words, word_level=True)), "utf-8")
    browser.open(page)
    for at, word in enumerate(words):
        browser.point(f"#t{at}")
        assert browser.text("#glyph") == browser.text(f"#t{at}") == word
        label = browser.run(f"document.querySelector('#t{at}').getAttribute('aria-label')")
        assert label.startswith(f"{word}: 100%, ")


def test_by_keyboard(browser: Browser, letters: Path) -> None:
    browser.open(letters)
    for _ in range(3):
        browser.press("Tab")
    assert browser.run("document.activeElement.id") == "text"
    for key, at in (
        ("ArrowRight", 6), ("ArrowRight", 7), ("ArrowLeft", 6), ("Home", 0), ("ArrowLeft", 0),
        ("End", 4 + len(LETTERS)), ("ArrowRight", 4 + len(LETTERS)),
    ):  # fmt: skip
        browser.press(key)
        assert chosen(browser) == at
        described = browser.run("document.activeElement.getAttribute('aria-activedescendant')")
        assert described == f"t{at}"
    browser.press("Home")
    browser.press("ArrowDown")
    below = chosen(browser)
    assert below == 6 + LETTERS.index("\n"), "the first of the next line"
    browser.press("ArrowUp")
    assert chosen(browser) == 0


def test_by_mouse_a_click_holds(browser: Browser, letters: Path) -> None:
    browser.open(letters)
    browser.point("#t9")
    assert chosen(browser) == 9
    browser.click("#t12")
    browser.point("#t20")
    assert chosen(browser) == 12
    browser.press("Escape")
    browser.point("#t21")
    assert chosen(browser) == 21


def test_by_finger(browser: Browser, letters: Path) -> None:
    browser.open(letters, 390, 844)
    browser.tap("#t12")
    assert chosen(browser) == 12
    browser.tap("#t7")
    assert chosen(browser) == 7


@pytest.mark.parametrize(("language", "title"), [
    ("en-GB", "How the network decided"), ("ru-RU", "Как выбирала сеть"), ("de", "How the network"),
])  # fmt: skip
def test_it_speaks_the_readers_language(
    browser: Browser, letters: Path, language: str, title: str
) -> None:
    browser.open(letters, language=language)
    assert browser.text("h1").startswith(title)
    assert browser.run("document.documentElement.lang") == language[:2].replace("de", "en")
    browser.click("#t12")
    browser.click("#language")
    assert not browser.text("h1").startswith(title)
    assert chosen(browser) == 12
    browser.click("#language")
    assert browser.text("h1").startswith(title)


def test_russian_has_its_own_way_to_write_numbers(browser: Browser, letters: Path) -> None:
    browser.open(letters, language="ru")
    assert browser.text("#fact").startswith("30\u00a0%, 1-е место из ")
    assert "," in browser.text("#more")


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_light_or_dark_as_the_system_and_as_asked(
    browser: Browser, letters: Path, dark: bool
) -> None:
    browser.open(letters, dark=dark)
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    first = browser.run(paper)
    assert (first == "rgb(23, 22, 20)") is dark
    browser.click("#theme")
    assert browser.run(paper) != first
    browser.click("#theme")
    assert browser.run(paper) == first


CONTRASTS = """
(() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = parts(colour).slice(0, 3).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const bands = [...document.querySelectorAll("#text > span")].slice(0, 10);
  bands.forEach((e, at) => {e.className = `${at % 2 ? "cut " : ""}heat-${at >> 1}`});
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.getClientRects().length) continue;
    let behind = e;
    while (parts(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
    const [a, b] = [getComputedStyle(e).color, getComputedStyle(behind).backgroundColor].map(light);
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), `${e.className} ${e.id}`]);
  }
  return found;
})()
"""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_text_stands_out_as_wcag_asks(
    browser: Browser, letters: Path, width: int, dark: bool
) -> None:
    """At least 4.5 to 1, on every colour (WCAG 2.2, 1.4.3)."""
    browser.open(letters, width, dark=dark)
    found = browser.run(CONTRASTS)
    assert len(found) > 60
    assert [each for each in found if each[0] < 4.5] == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_wider_than_the_window(
    browser: Browser, letters: Path, words: Path, width: int, tmp_path: Path
) -> None:
    long = tmp_path / "long.html"
    long.write_text(page_of(drawing(["я" * 40, "щ" * 39, "a"], word_level=True)), "utf-8")
    for page in (letters, words, long):
        for language in ("en", "ru"):
            browser.open(page, width, language=language)
            assert browser.run("document.documentElement.scrollWidth") <= width
            over = (
                "[...document.querySelectorAll('aside *, #text *')].filter(e => e.tagName != 'BR')"
                f".filter(e => e.getBoundingClientRect().right > {width} + 1).map(e => e.outerHTML)"
            )
            assert browser.run(over) == []


def test_on_a_phone_the_chosen_token_is_not_behind_the_panel(
    browser: Browser, letters: Path
) -> None:
    browser.open(letters, 390, 600)
    browser.run("document.querySelector('#text').focus()")
    browser.press("End")
    middle = browser.run(
        "(r => r.top + r.height / 2)(document.querySelector('[aria-selected=true]')"
        ".getBoundingClientRect())"
    )
    panel = browser.run("document.querySelector('aside').getBoundingClientRect().top")
    assert 0 < middle < panel


def test_what_a_screen_reader_is_told(browser: Browser, letters: Path) -> None:
    browser.open(letters)
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    found: dict[str, list[str]] = {}
    for node in nodes:
        if not node.get("ignored"):
            name = node.get("name", {}).get("value", "")
            found.setdefault(node["role"]["value"], []).append(name)
    assert found["heading"][:2] == ["How the network decided", "The ten likeliest"]
    assert found["heading"][2] == "Where it looked (characters in the window: 8)"
    assert found["button"] == ["Русский", "Dark"]
    assert found["listbox"] == ["The text. Arrow keys, Home and End choose."]
    assert found["region"] == ["What is known of the one that is chosen"]
    assert len(found["option"]) == 5 + len(LETTERS)
    assert found["option"][:6] == [
        *("I: given, not drawn", "n: given, not drawn", "space: given, not drawn"),
        *("a: given, not drawn", "space: given, not drawn"),
        found["option"][5],
    ]
    assert found["option"][5].startswith("t: 30%, rank 1 of ")
    assert found["option"][-1].startswith("end: 30%")


@pytest.mark.parametrize("prefix", [None, "given alone"])
def test_a_page_of_which_nothing_was_drawn(
    browser: Browser, prefix: str | None, tmp_path: Path
) -> None:
    sequence = drawing([], prefix=prefix, max_gen_length=1)
    (tmp_path / "why.html").write_text(page_of(sequence), "utf-8")
    browser.open(tmp_path / "why.html")
    assert browser.run("document.querySelector('aside').hidden") is (prefix is None)
    browser.click("#language")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(tokens, st.booleans(), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_no_text_runs(
    browser: Browser, tmp_path: Path, found: list[str], word_level: bool, prefix: str
) -> None:
    sequence = drawing(found, prefix=prefix, word_level=word_level, others=HOSTILE, share=0.4)
    page = tmp_path / "why.html"
    page.write_bytes(page_of(sequence, f"rnn-generate --prefix {prefix}").encode())
    browser.open(page)
    for key in ("Home", "End", "ArrowLeft"):
        browser.run("document.querySelector('#text').focus()")
        browser.press(key)
    assert browser.run("document.scripts.length") == 2
    assert browser.run("document.querySelectorAll('img, a, iframe, #text > span > *').length") == 0
    assert browser.run("document.querySelectorAll('#text > span').length") == len(sequence.tokens)
    controls = r"[...document.body.innerText].filter(c => /[\p{Cc}\p{Cf}]/u.test(c) && c != '\n')"
    assert browser.run(controls) == []
    assert browser.complaints == []


def test_a_script_in_the_page_would_not_run(browser: Browser, tmp_path: Path) -> None:
    """The page's policy: what got past the escaping would still be dead."""
    content: Any = page_of(drawing(["a"]))
    forged = content.replace(
        "<main>", "<main><script>alert(1)</script><img src=x onerror=alert(2)>"
    )
    (tmp_path / "why.html").write_text(forged, "utf-8")
    browser.open(tmp_path / "why.html")
    complaints, browser.complaints = browser.complaints, []
    assert complaints
    assert not any(each.startswith("dialog") for each in complaints)
