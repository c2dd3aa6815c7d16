"""The faults of the network, as a parameter of tests: methods of `Host`."""

from __future__ import annotations

import pytest

FAULTS = [
    "drop_packets",
    pytest.param("reset_connections", marks=pytest.mark.slow),
    pytest.param("set_link_down", marks=pytest.mark.slow),
]
faults = pytest.mark.parametrize("fault", FAULTS)
