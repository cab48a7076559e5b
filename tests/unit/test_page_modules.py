"""Each page names all its modules in its HTML, so that a browser asks for all of them at once."""

import re
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "app" / "web"
IMPORT = re.compile(r'^import\s*(?:[\w{},*\s]+\s*from\s*)?"(\.[^"]+)"|\}?from"(\.[^"]+)"', re.MULTILINE)


def modules_of(script: Path) -> set[Path]:
    """It and all that it imports."""
    found, left = set[Path](), [script]
    while left:
        module = left.pop()
        if module not in found:
            found.add(module)
            names = [one or other for one, other in IMPORT.findall(module.read_text())]
            left += [(module.parent / name).resolve() for name in names]
    return found


@pytest.mark.parametrize(("page", "script"), [("index.html", "main.js"), ("console.html", "console.js")])
def test_a_page_names_all_its_modules(page: str, script: str) -> None:
    needed = sorted(path.relative_to(WEB).as_posix() for path in modules_of(WEB / script) - {WEB / script})
    lines = "\n".join(f'  <link rel="modulepreload" href="web/{path}">' for path in needed)
    assert lines in (WEB / page).read_text(), f"app/web/{page} needs exactly these lines:\n{lines}"
    assert (WEB / page).read_text().count("modulepreload") == len(needed)
