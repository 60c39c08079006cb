"""One pass over a batch: the same numbers however it is computed, as one graph that a compiler can take whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from scoring.config import VAEConfig
from scoring.frameset import FrameSet
from scoring.measure import COLUMNS, Compiled, measure
from scoring.score import to_input
from scoring.structure import fit_structure, placed
from scoring.vae import VAE, pooled, reconstruction_loss
from tests.scoring.frames_for_tests import turf_frames

CPU = torch.device("cpu")
FRAMES = turf_frames(12)
SMALL = VAEConfig(24, 32, channels=(4, 6), latent=5)


def network(seed: int) -> VAE:
    torch.manual_seed(seed)
    return VAE(SMALL).eval()


def compiler(graphs: list[Any]) -> Any:
    """Counts the graphs that it is given, and leaves them as they are."""

    def taken(graph: Any, example: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    return taken


def test_it_gives_every_column_and_the_activations() -> None:
    model, x = network(0), to_input(FRAMES, CPU)
    with torch.inference_mode():
        rows = measure(model, None, x)
        stages = model.features(x)
        reconstruction = model(x)[0]
    assert rows.shape == (12, len(COLUMNS) + 3 * sum(SMALL.channels)) and not rows[:, 2].any()
    torch.testing.assert_close(rows[:, 0], reconstruction_loss(x, reconstruction))
    torch.testing.assert_close(rows[:, len(COLUMNS) :], pooled(stages))


@pytest.fixture
def nothing_compiled() -> Iterator[None]:
    torch.compiler.reset()
    yield
    Compiled.is_possible = True


@pytest.mark.usefixtures("nothing_compiled")
def test_it_is_compiled_whole_and_once_for_all_models_of_a_shape_and_batches_of_any_size() -> None:
    graphs: list[Any] = []
    backend = compiler(graphs)
    structure, x = placed(fit_structure(FrameSet(FRAMES)), CPU), to_input(FRAMES, CPU)
    with torch.inference_mode():
        for model in (network(0), network(1)):
            fast = Compiled(12, backend=backend, fullgraph=True)
            whole = fast(model, structure, x)
            torch.testing.assert_close(whole, measure(model, structure, x))
            assert torch.equal(fast(model, structure, x[:5]), whole[:5])
    assert len(graphs) == 1


@pytest.mark.usefixtures("nothing_compiled")
def test_it_goes_on_without_a_compiler_and_does_not_ask_again(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[Any] = []

    def broken(graph: Any, example: Any) -> Any:
        asked.append(graph)
        raise RuntimeError("there is no C compiler here")

    x = to_input(FRAMES, CPU)
    with torch.inference_mode():
        for model in (network(0), network(1)):
            torch.testing.assert_close(Compiled(12, backend=broken)(model, None, x), measure(model, None, x))
    assert len(asked) == 1 and "no C compiler here" in caplog.text


@pytest.mark.usefixtures("nothing_compiled")
def test_it_hands_on_that_memory_ran_out() -> None:
    def full(graph: Any, example: Any) -> Any:
        def run(*inputs: Any) -> Any:
            raise torch.OutOfMemoryError("out of memory")

        return run

    with torch.inference_mode(), pytest.raises(torch.OutOfMemoryError):
        Compiled(12, backend=full)(network(0), None, to_input(FRAMES, CPU))
    assert Compiled.is_possible
