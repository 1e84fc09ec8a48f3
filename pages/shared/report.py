"""Pages as one HTML file that needs nothing else: no network, no script, no other file."""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from pages.shared.exhibits import Exhibit
from pages.shared.export import About, explained, metadata, scale_words
from pages.shared.texts import text
from zfnet.plate import plate

# Whatever stands in a text, no browser loads anything for this file or runs anything in it.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1f1f1f; --pale: #5c5c5c; --line: #d9d9d9; --paper: #fff; --panel: #f5f5f5; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececec; --pale: #ababab; --line: #444; --paper: #16181c; --panel: #22252b; }
}
body { max-width: 46rem; margin: 0 auto; padding: 1rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.6 system-ui, sans-serif; word-break: keep-all; overflow-wrap: anywhere; }
h1 { line-height: 1.25; } h2 { margin: 3rem 0 0.5rem; padding-top: 1rem; border-top: 2px solid var(--line); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 1rem; margin: 0; color: var(--pale);
  font-size: 0.875rem; }
dd { margin: 0; } details { font-size: 0.875rem; } details > code { word-break: break-all; }
figure { margin: 2rem 0; } img { display: block; max-width: 100%; border: 1px solid var(--line); border-radius: 4px; }
figcaption { margin-top: 0.75rem; } p { margin: 0.5rem 0; } small { color: var(--pale); font-size: 0.875rem; }
pre { padding: 0.75rem; background: var(--panel); border-radius: 4px; white-space: pre-wrap; }
summary { cursor: pointer; } li { margin: 1rem 0; }
@media print { body { max-width: none; padding: 0; } figure, li { break-inside: avoid; } h2 { break-after: avoid; } }
"""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page showed, and where it comes from."""

    about: About
    exhibits: tuple[Exhibit, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A question of a lesson and what the visitor answered."""

    prompt: str
    answer: str
    right: bool
    explanation: str


def report(pages: Sequence[Page], about: About, answers: Sequence[Answer] = ()) -> bytes:
    """Return pages as one HTML file.

    Args:
        pages: in the order in which they are read, each in the language in which it was seen.
        about: the title of the whole, its language, version and checkpoint.
        answers: what a visitor answered in lessons, if anything.
    """
    sections = "".join(map(_section, pages)) + (_answers(answers, about) if answers else "")
    return (
        f"<!doctype html>\n<html lang='{escape(about.language)}'>\n<head>\n<meta charset='utf-8'>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        f"<title>{escape(about.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(about.title)}</h1>\n<p><small>ZFNet Explorer {escape(about.version)}</small></p>\n"
        f"{sections}</main>\n</body>\n</html>\n"
    ).encode()


def _section(page: Page) -> str:
    about = page.about
    facts = {
        text("export.picture_label", about.language): about.picture_title,
        text("export.checkpoint_label", about.language): about.checkpoint,
        text("export.version_label", about.language): about.version,
    }
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    figures = "".join(_figure(exhibit, about) for exhibit in page.exhibits)
    selection = _folded(text("export.selection_label", about.language), f"<code>{escape(about.link)}</code>")
    return (
        f"<section lang='{escape(about.language)}'>\n<h2>{escape(about.title)}</h2>\n<dl>{told}</dl>\n{selection}\n"
        f"{figures}</section>\n"
    )


def _figure(exhibit: Exhibit, about: About) -> str:
    """Show a picture with its scale; its words stand below as text, so that they can be read at any width."""
    shown = plate(exhibit.png, scale=exhibit.scale, metadata=metadata(exhibit, about))
    source = f"data:image/png;base64,{b64encode(shown).decode()}"
    words = [f"<p>{_marked(exhibit.caption)}</p>"]
    words += [f"<p><small>{escape(scale_words(exhibit, about))}</small></p>"] if exhibit.scale else []
    words += [f"<p>{_marked(said)}</p>" for said in explained(exhibit, about.language)]
    recipe = "".join(
        f"<pre><code>{escape(lines)}</code></pre>" for lines in (exhibit.recipe.python, exhibit.recipe.shell)
    )
    return (
        f"<figure><img src='{source}' alt='{escape(exhibit.alt)}'>\n<figcaption>{''.join(words)}</figcaption>\n"
        f"{_folded(text('export.recipe', about.language), recipe)}</figure>\n"
    )


def _folded(summary: str, content: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def _answers(answers: Sequence[Answer], about: About) -> str:
    right, wrong = text("export.right", about.language), text("export.wrong", about.language)
    rows = "".join(
        f"<li><strong>{escape(one.prompt)}</strong><p>{escape(one.answer)} ({right if one.right else wrong})</p>"
        f"<p><small>{escape(one.explanation)}</small></p></li>"
        for one in answers
    )
    return f"<section>\n<h2>{text('export.answers', about.language)}</h2>\n<ol>{rows}</ol></section>\n"


def _marked(markdown: str) -> str:
    """Turn the little Markdown of the texts, bold words and code, into HTML; all else is shown as it is."""
    bold = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(markdown))
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", bold)
