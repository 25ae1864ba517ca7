# SPDX-License-Identifier: Apache-2.0
"""The generator of returns and register: numbers that are valid, rows that belong together, the same for a seed."""

import generate


def test_tax_numbers():
    assert generate.spi_valid("3023217600053")
    assert generate.spi_valid("0701987765493")
    for wrong in ("3023217600054", "0000000000000", "4023217600053", "302321760005", "302321760005x"):
        assert not generate.spi_valid(wrong)


def test_register_and_returns_belong_together():
    register, returns = generate.generate(300, 3, 2025)
    assert all(generate.spi_valid(row["spi"]) for row in register)
    assert len({row["spi"] for row in register}) == len(register)
    households = [row["household"] for row in register]
    assert len(returns) == len(set(households)) == 300
    for number, document in enumerate(returns, 1):
        persons = households.count("H%06d" % number)
        assert ("0AM" in document["boxes"]) == (persons == 2)
    assert any(not row["birth_name"].isascii() for row in register)


def test_same_seed_same_data():
    assert generate.generate(50, 9, 2025) == generate.generate(50, 9, 2025)
    assert generate.generate(50, 9, 2025) != generate.generate(50, 10, 2025)
