"""The tables, one module per noun. Import them from here."""

from curation.models.calibration import Calibration
from curation.models.dataset import Dataset, Membership, Role
from curation.models.export import Export
from curation.models.frame import Frame, FrameScore, Pack, ScoredPack
from curation.models.job import Job, JobLine
from curation.models.model_version import Activation, ModelVersion
from curation.models.review import Review, Verdict
from curation.models.score import Score
from curation.models.training_run import EpochMetric, TrainingRun
from curation.models.video import Upload, Video

__all__ = [
    "Activation",
    "Calibration",
    "Dataset",
    "EpochMetric",
    "Export",
    "Frame",
    "FrameScore",
    "Job",
    "JobLine",
    "Membership",
    "ModelVersion",
    "Pack",
    "Review",
    "Role",
    "Score",
    "ScoredPack",
    "TrainingRun",
    "Upload",
    "Verdict",
    "Video",
]
