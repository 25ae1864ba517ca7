# SPDX-License-Identifier: Apache-2.0
"""What the tests in Python share: where the helpers are, and a fixture that makes offices and ends their servers."""
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "integration"), str(HERE / "docs"), str(HERE / "fault")]

from office import Office  # noqa: E402


@pytest.fixture(scope="module")
def offices(tmp_path_factory):
    """offices(): another Office, made but not started. Its server ends with the module's tests at the latest."""
    made = []

    def make(program=None):
        office = Office(tmp_path_factory.mktemp("office"), program)
        made.append(office)
        return office.make()

    yield make
    for office in made:
        office.__exit__()
