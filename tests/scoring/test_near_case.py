"""The demo's near case: on American football raw reconstruction loss fails, and the default score does not."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from scoring.config import TrainConfig
from scoring.demo import script
from scoring.demo.make import Stage
from scoring.frames import Pixels
from scoring.metrics import auroc
from scoring.score import Scorer, Scores
from scoring.train import train

SEED = 0
STEPS, BATCH_SIZE = 220, 8
# Frames of a scene are nearly alike half a second apart, so few are drawn, and none is encoded: one for so many of the
# scene, so that long shots count for more, as in the whole video.
FRAMES_PER_DRAWN, APART = 18, 4


def drawn(video: script.Video, kind: str) -> Iterator[Pixels]:
    """A few frames of every scene of the kind, (60, 80, 3) as the model takes them."""
    stage = Stage(video)
    for scene in video.scenes:
        if scene.kind == kind:
            number = max(1, scene.frames // FRAMES_PER_DRAWN)
            short = replace(scene, end_frame=scene.start_frame + max(2, 1 + (number - 1) * APART))
            for picture in islice(stage.frames_of(short), 0, None, APART):
                yield np.asarray(Image.fromarray(picture).reduce((8, 6)))


@pytest.fixture(scope="module")
def scored() -> dict[str, Scores]:
    """Scores of the recordings' frames by kind, from a model that has seen the reference matches for a short while."""
    videos = script.demo(SEED)
    recordings = [video for video in videos if not video.reference]
    *trained, heldout = [np.stack(list(drawn(video, "match"))) for video in videos if video.reference]
    result = train(trained, heldout, TrainConfig(steps=STEPS, batch_size=BATCH_SIZE))
    scorer = Scorer(result.detector)
    return {
        kind: scorer.score(np.stack([frame for video in recordings for frame in drawn(video, kind)]))
        for kind in ("match", "american_football")
    }


def test_it_reconstructs_american_football_as_well_as_matches(scored: dict[str, Scores]) -> None:
    match, football = scored["match"], scored["american_football"]
    assert auroc(match.reconstruction_loss, football.reconstruction_loss) < 0.6


def test_it_scores_american_football_above_matches_all_the_same(scored: dict[str, Scores]) -> None:
    match, football = scored["match"], scored["american_football"]
    assert auroc(match.ood_score, football.ood_score) >= 0.8
