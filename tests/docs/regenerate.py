# SPDX-License-Identifier: Apache-2.0
#
# Everything in the tree that guichet-tables makes: `make tables` writes it, test_tables.py compares it.
"""usage: regenerate.py GUICHET-TABLES"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROTOCOL = "protocol/PROTOCOL.md"
SECTIONS = ("operations", "messages", "errors", "rules")
WHOLE_FILES = {"protocol/messages.cddl": "cddl", "tests/vectors/messages.json": "vectors"}
# Both targets read whole frames (fuzz_message looks only at op, flags, status and body).
SEEDS = ("tests/fuzz/corpus/frame", "tests/fuzz/corpus/message")


def printed(tool, part):
    return subprocess.run([tool, part], check=True, capture_output=True).stdout


def with_section(text, name, content):
    """The text with what stands between the section's two markers replaced."""
    begin, end = f"<!-- begin generated: {name} -->\n", f"<!-- end generated: {name} -->\n"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
    assert len(pattern.findall(text)) == 1, f"{PROTOCOL} needs the markers of `{name}` exactly once"
    return pattern.sub(lambda _: begin + content + end, text)


def protocol_text(tool):
    text = (ROOT / PROTOCOL).read_text("utf-8")
    for name in SECTIONS:
        text = with_section(text, name, printed(tool, name).decode("utf-8"))
    return text.encode("utf-8")


def seeds(tool):
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([tool, "seeds", directory], check=True)
        return {path.name: path.read_bytes() for path in sorted(pathlib.Path(directory).iterdir())}


def generated(tool):
    """Path in the tree -> bytes that should stand there."""
    files = {path: printed(tool, part) for path, part in WHOLE_FILES.items()}
    files[PROTOCOL] = protocol_text(tool)
    for name, content in seeds(tool).items():
        for directory in SEEDS:
            files[f"{directory}/{name}"] = content
    return files


def main():
    for path, content in generated(sys.argv[1]).items():
        target = ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != content:
            target.write_bytes(content)
            print(path)


if __name__ == "__main__":
    main()
