"""A listener in a real browser: by keyboard, reloading in the middle, coming back, two at once."""

import re

import pytest

from tfwave.listening import panel

pytest.importorskip("websocket")


def begin(page, test):
    """Pass the sound check by keyboard."""
    clip = re.search(r"/clip/(\w+)", page.js("document.querySelector('audio').src"))[1]
    hear(page)
    page.press(str(test.sound_check[clip]))
    page.press("y")
    page.next()


def place(page):
    return page.js("Number(document.querySelector('[name=place]')?.value ?? -1)")


def clips(page):
    sources = page.js("[...document.querySelectorAll('audio')].map((a) => a.src).join()")
    return tuple(re.findall(r"/clip/(\w+)", sources))


def item_of(page, test):
    heard = clips(page)
    return next(i for i in test.items.values() if heard in (i.clips, i.clips[::-1]))


def hear(page):
    """Play what the page has, one clip after the other, by the space bar, and fast."""
    page.js("players.forEach((player) => { player.audio.playbackRate = 8; })")
    for number in range(len(clips(page))):
        page.press(" ")
        page.wait(f"document.querySelectorAll('.play.heard').length > {number}")


def run(page, test, answer):
    """Go on to the end by keyboard; returns the number of pages."""
    pages = 0
    while place(page) >= 0:
        hear(page)
        item = item_of(page, test) if clips(page) else None
        page.press(str(item.right[0] if item and item.right else answer))
        page.next()
        pages += 1
    return pages


def given(test):
    return [[answer.values for answer in person.answers] for person in panel.read_panel(test)]


def test_by_keyboard_with_a_reload_and_a_new_window(browser, make_test, served):
    test = make_test("mos", count=3)
    url = served(test)
    page = browser.page(url)
    begin(page, test)
    # An answer before listening, or listening without an answer, is not sent.
    page.press("Enter")
    page.wait("document.querySelector('.status').textContent.includes('listen to the whole clip')")
    hear(page)
    page.press("Enter")
    page.wait("document.querySelector('.status').textContent === 'Please choose an answer.'")
    page.press("9")  # is no answer here
    page.press("4")
    page.next()
    assert place(page) == 1 and given(test) == [[{"rating": 4}]]
    before = clips(page)
    page.reload()
    assert place(page) == 1 and clips(page) == before
    page.close()

    page = browser.page(url)
    assert place(page) == 1 and clips(page) == before
    assert run(page, test, answer=3) == 6
    assert page.js("document.querySelector('h1').textContent") == "Thank you"
    page.reload()
    assert page.js("document.querySelector('h1').textContent") == "Thank you"
    assert [len(answers) for answers in given(test)] == [7]


def test_two_at_once(browser, make_test, served):
    test = make_test("mos", count=3)
    url = served(test)
    pages = [browser.page(url, stranger=True) for _ in range(2)]
    for page in pages:
        begin(page, test)
    while any(place(page) >= 0 for page in pages):
        for page, answer in zip(pages, (2, 5), strict=True):
            hear(page)
            item = item_of(page, test)
            page.press(str(item.right[0] if item.right else answer))
            page.next()
    kept = {
        frozenset(a.values["rating"] for a in person.answers if a.group)
        for person in panel.read_panel(test)
    }
    assert kept == {frozenset([2]), frozenset([5])}


def test_pairs_by_their_letters(browser, make_test, served):
    test = make_test("pairs", count=2)
    page = browser.page(served(test), stranger=True)
    begin(page, test)
    for letter, heard in (("b", 1), ("a", 2)):
        page.press(letter)
        page.wait(f"document.querySelectorAll('.play.heard').length === {heard}")
    page.press("1")
    page.next()
    assert place(page) == 1
    page.js("history.back()")
    page.wait("document.readyState === 'complete' && players.length === 2")
    # Going back leads to the page that is open now, not to an answer that was given.
    page.wait("document.querySelector('[name=place]').value === '1'")


def test_a_set_of_digits_and_its_questions(browser, make_test, served):
    test = make_test("digits", count=2, recordings=2, items=2)
    page = browser.page(served(test), stranger=True)
    begin(page, test)
    assert page.js("document.querySelector('.eyebrow').textContent") == "Warm-up"
    while clips(page):
        hear(page)
        item = item_of(page, test)
        page.press(str(item.right[0] if item.right else item.truth))
        page.next()
    for key in "345":
        page.press(key)
    page.next()
    assert page.js("document.querySelector('h1').textContent") == "Thank you"
    assert given(test)[0][-1] == {"quality": 3, "ease": 4, "diversity": 5}


@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_is_cut_off_and_everything_can_be_touched(
    browser, make_test, served, width, tmp_path
):
    test = make_test("pairs", choices=7)
    page = browser.page(served(test), stranger=True)
    for _ in range(2):
        page.picture(width, 740, tmp_path / "page.png")
        assert page.js("document.documentElement.scrollWidth <= innerWidth")
        sizes = (
            "[...document.querySelectorAll('.choice, .play, .next')].map((e) => {"
            "const b = e.getBoundingClientRect(); return Math.min(b.width, b.height); })"
        )
        assert min(page.js(sizes)) >= 44
        begin(page, test) if place(page) < 0 else None
    assert page.js("getComputedStyle(document.body).fontFamily").startswith("system-ui")
