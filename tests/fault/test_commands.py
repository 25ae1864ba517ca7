# SPDX-License-Identifier: Apache-2.0
"""Commands whose disk fills up under them: what failed is said, not the file that was read, and nothing half written is
left that would stand in the way of the same command when there is room."""
import os
import re
import shutil
import subprocess

import generate
import pytest
from loaded import FAIL_CALLS
from office import guichetd

FAILED, REFUSED = 1, 3
IRJ = "".join(f"#NOM\nR{n}\n#ENTREES-PRIMITIF\n1AJ/{n}\n#CONTROLES-PRIMITIF\n#RESULTATS-PRIMITIF\n#ENTREES-CORRECTIF\n"
              "#CONTROLES-CORRECTIF\n#RESULTATS-CORRECTIF\n##\n" for n in range(1, 4))


def failing(call, *words, code):
    if b"__asan_init" in guichetd().read_bytes():
        pytest.skip("the sanitizer wants to be loaded before all others")
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, "LD_PRELOAD": str(FAIL_CALLS), "FAIL_CALL": call})
    assert done.returncode == code and not done.stdout, done.stderr
    return done.stderr


@pytest.mark.parametrize("call, code", [("write:10+", REFUSED), ("sync:4+", FAILED)])
def test_an_import_tells_the_store_that_failed(offices, call, code):
    office = offices()
    rows, _ = generate.generate(1500, 1, office.campaign()["income_year"])
    register = office.place / "many.csv"
    generate.register_write(register, rows)
    said = failing(call, office.program, "import", "taxpayers", office.directory, register, code=code)
    assert re.search(r"^  where: +(db|journal|segments)\b", said, re.M) and str(register) not in said, said
    assert f"{len(rows)} taxpayers taken" in office.import_taxpayers(register).stdout


def test_a_start_that_makes_the_published_directory_makes_its_name_durable(offices):
    office = offices()
    serve = office.program, "serve", office.directory, "--listen", "127.0.0.1:0"
    told = []
    # Without a fault it ends with what only the operator has.
    while not told or "campaign.json" not in told[-1]:
        shutil.rmtree(office.public)
        told.append(failing(f"sync:{len(told) + 1}", *serve, code=FAILED))
        office.public.mkdir(exist_ok=True)
    assert office.tls_pem.exists()
    synced = f"where:    {office.directory}\n  found:    Input/output error\n  expected: a directory that can be synced\n"
    assert any(synced in said for said in told), told


def test_a_conversion_leaves_no_half_of_a_document(tmp_path):
    source, out = tmp_path / "returns.irj", tmp_path / "out"
    source.write_text(IRJ)
    convert = guichetd().with_name("guichet"), "convert", "irj", source, "--out", out
    said = failing("write:2", *convert, code=FAILED)
    assert f"where:    {out}/0002.json\n  value:    No space left on device\n" in said
    assert [path.name for path in out.iterdir()] == ["0001.json"]
    done = subprocess.run(list(map(str, convert)), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stdout.startswith("3 return documents")
    # Once more writes nothing.
    before = [path.stat().st_mtime_ns for path in out.iterdir()]
    subprocess.run(list(map(str, convert)), capture_output=True, timeout=60, check=True)
    assert [path.stat().st_mtime_ns for path in out.iterdir()] == before


def test_what_is_there_already_is_on_the_disk_before_it_is_said(offices):
    """Whoever made it may have been killed before its sync."""
    office = offices().start()
    out = office.place / "checkpoint"
    words = office.program.with_name("guichet"), "checkpoint", "--server", f"127.0.0.1:{office.port}", "--trust", \
        office.public, "--out", out
    subprocess.run(list(map(str, words)), capture_output=True, timeout=60, check=True)
    before = out.read_bytes(), out.stat().st_mtime_ns
    said = failing("sync:1", *words, code=FAILED)
    assert f"where:    {out}\n  value:    Input/output error\n" in said
    subprocess.run(list(map(str, words)), capture_output=True, timeout=60, check=True)
    assert (out.read_bytes(), out.stat().st_mtime_ns) == before
