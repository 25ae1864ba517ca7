# SPDX-License-Identifier: Apache-2.0
"""libguichet as a vendor gets it: installed, linked shared and static, with nothing but the one header."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("GUICHET_BUILD", "build")
HEADER = ROOT / "client/include/guichet/guichet.h"
EXAMPLES = sorted((ROOT / "client/examples").glob("*.c"))
SYMBOLS = [line for line in (ROOT / "tests/api/symbols.txt").read_text().splitlines() if not line.startswith("#")]
SANITIZED = "san-" in str(BUILD)


def run(*words, **options):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, **options).stdout


def symbols_defined(*words):
    """Names that `nm` finds, without what a compiler's instrumentation adds."""
    found = {line.split()[-1].split("@")[0] for line in run("nm", *words).splitlines() if len(line.split()) == 3}
    return {name for name in found if not name.startswith(("_", "LIBGUICHET"))}


def test_recorded_symbols_are_those_of_the_header():
    functions = "\n".join(line for line in HEADER.read_text().splitlines() if not line.startswith("typedef"))
    declared = set(re.findall(r"\b(guichet_\w+)\([^)]", functions))
    assert declared == set(SYMBOLS)


@pytest.mark.skipif(SANITIZED, reason="sanitizers add names of their own")
def test_libraries_show_exactly_the_recorded_symbols():
    assert sorted(symbols_defined("-D", "--defined-only", BUILD / "lib/libguichet.so.0")) == SYMBOLS
    assert sorted(symbols_defined("-g", "--defined-only", BUILD / "lib/libguichet.a")) == SYMBOLS


def test_shared_library_has_its_soname_and_version():
    assert "libguichet.so.0" in run("objdump", "-p", BUILD / "lib/libguichet.so.0").split("SONAME")[1].splitlines()[0]
    assert "guichet_create@@LIBGUICHET_0" in run("nm", "-D", "--with-symbol-versions", BUILD / "lib/libguichet.so.0")


@pytest.mark.parametrize("compiler,language,standard", [
    ("cc", "c", "c11"), ("cc", "c", "c2x"), ("c++", "c++", "c++11")], ids=lambda word: word)
def test_header_compiles_strictly(compiler, language, standard):
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} here")
    run(compiler, f"-std={standard}", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fsyntax-only",
        "-x", language, HEADER)


def test_every_function_of_the_header_has_a_comment():
    """Functions stand in groups; each group has its comment right above it."""
    lines = HEADER.read_text().splitlines()
    for at, line in enumerate(lines):
        if not line.startswith(("GUICHET_API ", "GUICHET_CHECKED ")):
            continue
        above = at - 1
        while lines[above].startswith(("GUICHET_API ", "GUICHET_CHECKED ", "    ", "typedef ")):
            above -= 1
        # An enum or struct may stand between a comment and its functions.
        assert lines[above].endswith(("*/", "};", ";")) and lines[above] != "", line


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """`make install` into a directory, as a packager does it."""
    place = tmp_path_factory.mktemp("install")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    run("make", "-s", "install", f"DESTDIR={place}", "PREFIX=/usr", f"BUILD={BUILD}", cwd=ROOT, env=environment)
    return place


@pytest.mark.skipif(SANITIZED, reason="one build is enough")
def test_install_puts_everything_in_its_place(installed):
    found = sorted(str(path.relative_to(installed)) for path in installed.rglob("*") if not path.is_dir())
    assert found == [
        "usr/bin/guichet", "usr/bin/guichet-bench", "usr/bin/guichetd", "usr/include/guichet/guichet.h", "usr/lib/libguichet.a",
        "usr/lib/libguichet.so", "usr/lib/libguichet.so.0", "usr/lib/pkgconfig/libguichet.pc"]


@pytest.mark.skipif(SANITIZED, reason="one build is enough")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_build_against_the_installed_library_alone(installed, tmp_path, example):
    environment = {**os.environ, "PKG_CONFIG_PATH": str(installed / "usr/lib/pkgconfig"),
                   "PKG_CONFIG_SYSROOT_DIR": str(installed)}
    flags = run("pkg-config", "--cflags", "--libs", "libguichet", env=environment).split()
    assert run("pkg-config", "--modversion", "libguichet", env=environment).strip() == \
        re.search(r'GUICHET_VERSION "(.*)"', HEADER.read_text()).group(1)
    program = tmp_path / example.stem
    run("cc", "-std=c11", "-pedantic", "-Wall", "-Wextra", "-Werror", example, "-o", program, *flags, cwd=tmp_path)
    library = {**os.environ, "LD_LIBRARY_PATH": str(installed / "usr/lib")}
    assert subprocess.run([program], env=library, capture_output=True, check=False).returncode == 2
    assert "libguichet.so.0" in run("ldd", program, env=library)


@pytest.fixture(scope="module")
def installed_in_place(tmp_path_factory):
    """`make install` as who has no packager does it; -> what pkg-config answers to some words."""
    place = tmp_path_factory.mktemp("prefix")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    run("make", "-s", "install", f"PREFIX={place}", f"BUILD={BUILD}", cwd=ROOT, env=environment)
    environment["PKG_CONFIG_PATH"] = str(place / "lib/pkgconfig")
    return lambda *words: run("pkg-config", *words, "libguichet", env=environment).split()


@pytest.mark.skipif(SANITIZED, reason="one build is enough")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_link_statically_as_the_readme_says(installed_in_place, tmp_path, example):
    readme = (ROOT / "README.md").read_text()
    for line in re.findall(r"^cc (.*file_return\.c .*libguichet\))", readme, re.M):
        words = []
        for asked, plain in re.findall(r"\$\(pkg-config (.*?) libguichet\)|(\S+)", line):
            words += installed_in_place(*asked.split()) if asked else [plain]
        assert "file_return.c" in words
        words[words.index("file_return.c")] = example
        program = tmp_path / "program"
        # libc warns that it looks names up with what is installed where the program runs.
        run("cc", *words, "-o", program)
        needs = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
        if "-static" in words:
            assert "not a dynamic executable" in needs.stderr
        else:
            assert ("libguichet.so.0" in needs.stdout) == ("--libs" in line), line
        if "--libs" not in line or "-static" in words:
            assert subprocess.run([program], capture_output=True, check=False).returncode == 2
    assert line.count("libguichet)") == 2  # the last of three: libguichet.a, all else shared


@pytest.fixture(scope="module")
def enrolled(offices, tmp_path_factory):
    """An office that is open, and somebody who has a certificate."""
    office = offices()
    person = office.people(1)[0]
    office.start()
    place = tmp_path_factory.mktemp("me")
    (place / "password").write_text("un mot de passe\n", encoding="utf-8")
    (place / "return.json").write_bytes(person.content)
    run(BUILD / "bin/guichet", "enrol", "--server", f"127.0.0.1:{office.port}", "--trust", office.public, "--spi", person.spi,
        "--birth-name", person.birth_name, "--filer-number", person.filer_number, "--reference-income",
        person.reference_income, "--email", "moi@example.fr", "--accept-contract", "--out", place / "me.p12",
        "--password-file", place / "password", "--key", "p256")
    return office, place


def test_examples_file_and_verify(enrolled):
    office, place = enrolled
    receipt, proof = place / "receipt.json", place / "receipt.tlog-proof"
    file_return = [BUILD / "examples/file_return", f"127.0.0.1:{office.port}", office.public, place / "me.p12",
                   "un mot de passe", place / "return.json", receipt]
    run(*file_return)
    first = receipt.read_bytes(), proof.read_bytes()
    assert sorted(path.name for path in place.glob("receipt*")) == ["receipt.json", "receipt.tlog-proof"]
    # The command line finds the proof where the example put it.
    run(BUILD / "bin/guichet", "verify", "--trust", office.public, receipt, place / "return.json")
    run(*file_return)
    assert (receipt.read_bytes(), proof.read_bytes()) == first
    verify = [BUILD / "examples/verify_receipt", office.public, receipt, proof]
    assert run(*verify, place / "return.json").count("ok ") == 6
    changed = bytearray(first[0])
    changed[-3] ^= 1
    receipt.write_bytes(changed)
    assert subprocess.run(verify, capture_output=True, check=False).returncode == 1


def test_example_tells_why_it_was_refused(enrolled):
    office, place = enrolled
    words = [BUILD / "examples/file_return", f"127.0.0.1:{office.port}", office.public, place / "me.p12", "falsch",
             place / "return.json", place / "other.json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.startswith("password_wrong: ")
