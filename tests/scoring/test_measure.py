"""One pass over a batch: the same numbers however it is computed, as one graph that a compiler can take whole."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from scoring.config import VAEConfig
from scoring.frameset import FrameSet
from scoring.measure import COLUMNS, Compiled, measure
from scoring.score import to_input
from scoring.structure import fit_structure, on_device
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


def test_it_is_compiled_whole_once_for_all_models_of_a_shape() -> None:
    torch.compiler.reset()
    graphs: list[Any] = []
    fast, structure = (
        Compiled(12, backend=compiler(graphs), fullgraph=True),
        on_device(fit_structure(FrameSet(FRAMES)), CPU),
    )
    x = to_input(FRAMES, CPU)
    with torch.inference_mode():
        for model in (network(0), network(1)):
            torch.testing.assert_close(fast(model, structure, x), measure(model, structure, x))
        assert fast(network(2), structure, x[:5]).shape[0] == 5  # of another size: step by step
    assert len(graphs) == 1


def test_it_goes_on_without_a_compiler(caplog: pytest.LogCaptureFixture) -> None:
    torch.compiler.reset()
    asked: list[Tensor] = []

    def broken(graph: Any, example: Any) -> Any:
        asked.append(graph)
        raise RuntimeError("there is no C compiler here")

    fast, model, x = Compiled(12, backend=broken), network(0), to_input(FRAMES, CPU)
    with torch.inference_mode():
        for _ in range(2):
            torch.testing.assert_close(fast(model, None, x), measure(model, None, x))
    assert len(asked) == 1 and "no C compiler here" in caplog.text
