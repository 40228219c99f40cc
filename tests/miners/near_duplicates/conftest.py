"""Every test of this room runs with the compiled loops and with the numpy functions: their bits must be the same."""

from collections.abc import Iterator

import pytest

from miners.compiling import compiled_module


@pytest.fixture(autouse=True, scope="module", params=["compiled", "numpy"])
def loops(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.param == "compiled":
        pytest.importorskip("numba", reason="numba is not installed: there are no compiled loops to test")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAIRMILL_COMPILED", str(int(request.param == "compiled")))
        compiled_module.cache_clear()
        yield
    compiled_module.cache_clear()
