# SPDX-License-Identifier: Apache-2.0
#
# The house rules, read off the sources: which way includes point, who may include what, sizes, headers that compile
# alone, the licence line, and what the project never says.

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE = sorted(p for d in ("protocol", "server", "client", "bench", "tests") for p in (ROOT / d).rglob("*.[ch]"))
HEADERS = [p for p in CODE if p.suffix == ".h"]
NOT_GUARDED = {"record_rows.h", "record_structs.h", "record_tables.h"}
TRACKED = [ROOT / line for line in subprocess.run(
    ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()]

# A folder may include from itself and from what stands behind it here.
LAYERS = {
    "protocol/net": {"protocol"},
    "protocol": set(),
    "server/store": {"protocol", "server"},
    "server/services": {"protocol", "server", "server/store"},
    "server/admin": {"protocol", "server", "server/store", "server/services"},
    "server": {"protocol", "protocol/net", "server/store", "server/services", "server/admin"},
    "client": {"protocol", "protocol/net", "client/include/guichet"},
    "client/include/guichet": set(),
    "client/cli": {"client", "protocol", "client/include/guichet"},
    "client/examples": {"client/include/guichet"},
}
# Within server/ a file includes from its own row and from those above it: a request goes up from the store to the
# process that holds it all. A row is a folder, or modules of server/ itself; a new module is put into one.
SERVER = [
    # know nothing of the office, and so may serve the store as well
    "address admission arrival chain clock keyset log loop process_limits share thread worker",
    "server/store",
    # the office's instruments: what it is set up, signs, keeps in order and publishes with
    "authority authority_create authority_files authority_kept authority_tls crl disk_watch leftover profile proof "
    "publication_record publications publish publish_disk publish_single publish_watch recovery revocation_list room "
    "settings tree",
    "campaign_year office",
    # a decision: what it sees, what it may, what it does, what becomes of that
    "answer commit decide gate view",
    "server/services",
    "dispatch job server_log",
    "server_tls",
    "session",
    "address_book conn conn_handshake conn_receive conn_standing conn_state evict timeouts",
    "conn_pool listener",
    "server",
    "server/admin",
    "main",
]
ROWS = {name: row for row, names in enumerate(SERVER) for name in names.split()}
# The few places where the direction is turned for a reason.
ALLOWED = {
    ("server/services/services.h", "server/dispatch.h"),  # the rows of the table that dispatch is handed
    ("server/main.c", "client/include/guichet/guichet.h"),  # the one version that all of it has
}
# What only one file may include.
EXCLUSIVE = {
    "leveldb/c.h": {"server/store/db.c"},
    "yajl/yajl_parse.h": {"protocol/json.c", "bench/floor.c"},
    "cbor.h": {"tests/unit/test_cbor.c"},
    "sys/epoll.h": {"server/loop.c"},
}
LINES_MAX = {"tests": 800}
LINES_MAX_ELSEWHERE = 620


def rel(path):
    return str(path.relative_to(ROOT))


def includes(path):
    names = re.findall(r'^#include [<"]([^">]+)[">]', path.read_text(), re.M)
    return [f"client/include/{name}" if name.startswith("guichet/") else name for name in names]


def layer(name):
    folder = name.rsplit("/", 1)[0]
    return folder


def row(name):
    """Of a file of server/; None elsewhere."""
    folder = layer(name)
    return ROWS[pathlib.Path(name).stem if folder == "server" else folder] if folder.startswith("server") else None


def points_down(path, name):
    """May the file include that one?"""
    mine, theirs = layer(path), layer(name)
    if theirs != mine and theirs not in LAYERS[mine]:
        return False
    return row(path) is None or row(name) is None or row(name) <= row(path)


@pytest.mark.parametrize("path", [p for p in CODE if not rel(p).startswith(("tests", "bench"))], ids=rel)
def test_includes_point_down(path):
    for name in includes(path):
        if (ROOT / name).exists():
            assert points_down(rel(path), name) or (rel(path), name) in ALLOWED, f"{rel(path)} includes {name}"


def test_no_exception_is_kept_that_nobody_needs():
    for path, name in ALLOWED:
        assert name in includes(ROOT / path) and not points_down(path, name), f"{path} may include {name} for nothing"
    used = {(layer(rel(path)), layer(name)) for path in CODE for name in includes(path) if (ROOT / name).exists()}
    assert {(mine, theirs) for mine in LAYERS for theirs in LAYERS[mine]} - used == set()
    modules = {path.stem for path in (ROOT / "server").glob("*.[ch]")}
    assert {name for name in ROWS if "/" not in name} == modules


@pytest.mark.parametrize("name", EXCLUSIVE)
def test_exclusive_includes(name):
    users = {rel(p) for p in CODE if name in includes(p)}
    assert users == EXCLUSIVE[name]


def test_tls_is_called_in_one_place():
    users = {rel(p) for p in CODE if re.search(r"\bSSL_(read|write)(_ex)?\(", p.read_text())}
    assert users == {"protocol/net/stream_tls.c"}


@pytest.mark.parametrize("path", [p for p in HEADERS if p.name not in NOT_GUARDED], ids=rel)
def test_header_compiles_alone(path):
    flags = ["-D_GNU_SOURCE"] if rel(path).startswith(("server", "tests", "bench")) else ["-D_POSIX_C_SOURCE=200809L"]
    # cmocka.h wants its own headers before it: every test includes unit.h first.
    first = ["-include", "tests/unit/unit.h"] if rel(path).startswith("tests/unit") else []
    subprocess.run(
        ["cc", "-std=c11", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", *flags, *first, "-I.", "-Iclient/include",
         "-x", "c", rel(path)], cwd=ROOT, check=True)


@pytest.mark.parametrize("path", CODE, ids=rel)
def test_size_and_width(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= LINES_MAX.get(rel(path).split("/")[0], LINES_MAX_ELSEWHERE), f"{len(lines)} lines"
    wide = [n for n, line in enumerate(lines, 1) if len(line.replace("\t", "        ")) > 120]
    assert not wide, f"lines wider than 120 columns: {wide}"


@pytest.mark.parametrize("path", [p for p in TRACKED if p.exists() and p.suffix in {".c", ".h", ".py", ".def", ".sh", ".in", ".map", ".cddl"}
                                  or p.name in {"Makefile", "run"}], ids=rel)
def test_licence_line(path):
    head = "\n".join(path.read_text().splitlines()[:3])
    assert "SPDX-License-Identifier: Apache-2.0" in head


def test_the_makefile_is_read_at_a_sitting():
    assert len((ROOT / "Makefile").read_text().splitlines()) < 200


def test_nothing_but_these_at_the_top():
    top = {rel(p).split("/")[0] for p in TRACKED}
    assert {name for name in top if not name.startswith(".")} <= {
        "server", "protocol", "client", "bench", "tests", "Makefile", "README.md"}


def test_the_project_speaks_of_itself_alone():
    # Put together here so that this file does not contain them.
    never = ["/work" + "/", "/root" + "/", "TO" + "DO", "FIX" + "ME"]
    for path in TRACKED:
        if not path.exists() or "corpus" in path.parts or path.suffix in {".json"}:
            continue
        text = path.read_text(errors="replace")
        for word in never:
            assert word not in text, f"{rel(path)} contains {word}"
