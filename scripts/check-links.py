#!/usr/bin/env python3
"""Checks the documents: every relative link leads to a file (and to a heading in it), every file named in code marks is there.

Addresses of other sites are not visited. Exit code 1 when something is wrong, one line for each.
"""

import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
# What is written in code marks and looks like a file of this project, from its root.
NAMED_FILE = re.compile(r"`((?:crates|web|models|docs|scripts)/[\w./-]+\.\w+|scripts/[\w.-]+|[A-Z]+\.md)`")
LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|<img[^>]*\bsrc=\"([^\"]+)\"")
FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.MULTILINE | re.DOTALL)


def anchors(document: Path) -> set[str]:
    """The headings of a document, as a forge makes anchors of them."""
    seen: dict[str, int] = {}
    found = set()
    for line in FENCE.sub("", document.read_text(encoding="utf-8")).splitlines():
        heading = re.match(r"#{1,6}\s+(.*?)\s*#*$", line)
        if not heading:
            continue
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "").lower()
        kept = "".join(c for c in text if c in " -_" or unicodedata.category(c)[0] in "LN")
        anchor = kept.replace(" ", "-")
        times = seen.get(anchor, 0)
        seen[anchor] = times + 1
        found.add(anchor if times == 0 else f"{anchor}-{times}")
    return found


def problems(document: Path):
    text = document.read_text(encoding="utf-8")
    prose = FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), text)
    for number, line in enumerate(prose.splitlines(), 1):
        for match in LINK.finditer(re.sub(r"`[^`]*`", "", line)):
            target = match[1] or match[2]
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            path, _, anchor = target.partition("#")
            file = (document.parent / unquote(path)).resolve() if path else document
            if not file.exists():
                yield number, f"the link {target} leads to no file"
            elif anchor and file.suffix == ".md" and unquote(anchor) not in anchors(file):
                yield number, f"there is no heading #{anchor} in {file.relative_to(ROOT)}"
        for match in NAMED_FILE.finditer(line):
            if not (ROOT / match[1]).exists() and not (document.parent / match[1]).exists():
                yield number, f"{match[1]} is named, but is not there"


def main() -> int:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\n")
    documents = [ROOT / name for name in listed if name and (ROOT / name).exists()]
    wrong = 0
    for document in documents:
        for number, problem in problems(document):
            print(f"{document.relative_to(ROOT)}:{number}: {problem}")
            wrong += 1
    print(f"{len(documents)} documents, {wrong} wrong links")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
