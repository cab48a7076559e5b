"""For mkdocs: adds pages that are not in docs/, and mends links that lead out of it."""

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from tests.site import reference
from tests.typescript.documents import documents
from tests.unit.api.test_documents import openapi

CLONE = Path(__file__).resolve().parents[2]
# page of the site → file of the clone
ADDED = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
    "changes.md": "CHANGELOG.md",
    "clients/python.md": "clients/python/README.md",
    "clients/typescript.md": "clients/typescript/README.md",
}
PAGES = {file: page for page, file in ADDED.items()} | {"docs/decisions": "decisions/index.md"}
# Where the other files of the clone can be read. Without it such a link is only its text.
REPOSITORY = os.environ.get("REPOSITORY_URL", "").rstrip("/")
# The text of a link may be an image.
LINK = re.compile(r"(!?)\[((?:!\[[^\]]*\]\([^)]*\)|(?!!\[)[^\]])*)\]\(([^)#\s]*)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    found = documents(openapi())
    pages = {page: (CLONE / file).read_text() for page, file in ADDED.items()}
    pages["reference/http.md"] = reference.http(found["openapi"])
    pages["reference/streams.md"] = reference.streams(found["asyncapi"])
    pages["decisions/index.md"] = _decisions()
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    at = page.file.src_uri
    text = LINK.sub(lambda link: mended(link, at), markdown)
    text = re.sub(r'src="([^":]+)"', lambda image: f'src="{_target(image[1], at) or image[1]}"', text)
    return text.replace("<details>", '<details markdown="1">')


def mended(link: re.Match[str], at: str) -> str:
    """A link that stands in a file of the clone, on the page of the site that shows it."""
    image, target, anchor = link[1], link[3], link[4] or ""
    text = LINK.sub(lambda inner: mended(inner, at), link[2])
    if not target or ":" in target:
        return f"{image}[{text}]({target}{anchor})"
    if found := _target(target, at):
        return f"{image}[{text}]({found}{anchor})"
    if REPOSITORY:
        return f"[{text}]({REPOSITORY}/blob/main/{_file(target, at)}{anchor})"
    return text


def _file(target: str, at: str) -> str:
    """The file of the clone that a link of this page means."""
    stands_in = ADDED.get(at, f"docs/{at}")
    return os.path.normpath(os.path.join(os.path.dirname(stands_in), target))


def _target(target: str, at: str) -> str | None:
    """The same relative to the page; None: the site does not have it."""
    file = _file(target, at)
    page = PAGES.get(file)
    if page is None and file.startswith("docs/") and (CLONE / file).is_file():
        page = file.removeprefix("docs/")
    return None if page is None else os.path.relpath(page, os.path.dirname(at) or ".")


def _decisions() -> str:
    lines = ["# Decisions", "", "Each says what was decided, why, and what else was considered.", ""]
    for file in sorted((CLONE / "docs" / "decisions").glob("0*.md")):
        title = file.read_text().splitlines()[0].lstrip("# ")
        lines.append(f"- [{title}]({file.name})")
    return "\n".join(lines) + "\n"
