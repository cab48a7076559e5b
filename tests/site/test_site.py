"""The built documentation site. `make docs` builds it first."""

import re
from html.parser import HTMLParser
from pathlib import Path

SITE = Path(__file__).resolve().parents[2] / ".site"

LOADED = ("stylesheet", "icon", "preload", "preconnect", "dns-prefetch")


class Page(HTMLParser):
    """The addresses that a page names, those it loads, its ids, its classes, and the text of its paragraphs."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.loaded: list[str] = []
        self.classes: set[str] = set()
        self.ids: set[str] = set()
        self.paragraphs: list[str] = []
        self._in_paragraph = False
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids |= {value for name, value in attrs if name == "id" and value}
        if address := found.get("href" if tag == "a" else "src" if tag == "img" else ""):
            self.targets.append(address)
        if (tag == "link" and found.get("rel") in LOADED) or (tag != "a" and "src" in found):
            self.loaded.append(found.get("href") or found.get("src") or "")
        self.classes |= set((found.get("class") or "").split())
        self._in_paragraph = tag == "p" or (self._in_paragraph and tag in ("code", "em", "strong", "a"))
        if tag == "p":
            self.paragraphs.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_paragraph = self._in_paragraph and tag != "p"

    def handle_data(self, data: str) -> None:
        if self._in_paragraph:
            self.paragraphs[-1] += data


PAGES = {path: Page(path) for path in sorted(SITE.rglob("*.html"))}


def test_there_is_a_page_for_each_document_and_for_both_clients() -> None:
    built = {path.relative_to(SITE).as_posix() for path in PAGES}
    assert built >= {"index.html", "guide.html", "recipes.html", "clients/python.html", "clients/typescript.html"}
    assert built >= {"reference/http.html", "reference/streams.html"}


def test_every_link_leads_to_a_file_and_an_anchor() -> None:
    for path, page in PAGES.items():
        if path.name == "404.html":  # shown at any address, so its links are absolute
            continue
        for target in page.targets:
            file, _, anchor = target.partition("#")
            if ":" in file:
                continue
            found = (path.parent / file).resolve() if file else path
            assert found.exists(), (path.name, target)
            if anchor and found in PAGES:
                assert anchor in PAGES[found].ids | {"__skip"}, (path.name, target)


def test_reading_it_asks_no_other_host() -> None:
    for path, page in PAGES.items():
        assert page.loaded
        assert [address for address in page.loaded if "//" in address] == [], path.name
        assert "mermaid" not in page.classes, path.name  # the theme's script would load what draws it


def test_no_list_and_no_table_is_shown_as_a_paragraph() -> None:
    """GitHub is more lenient than the site: it needs no empty line before them."""
    for path, page in PAGES.items():
        wrong = [text for text in page.paragraphs if re.search(r"\n(- |\d\. |\|)", text)]
        assert wrong == [], path.name


def test_the_reference_has_every_call_and_every_frame() -> None:
    calls, frames = (PAGES[SITE / "reference" / name] for name in ("http.html", "streams.html"))
    assert {"place-an-order", "cancel-an-order", "executeorder", "problemdocument"} <= calls.ids
    assert {"executeevent", "anyevent", "subscribe"} <= frames.ids
