"""The tables, one module per noun. Import them from here."""

from curation.models.audit import AuditFrame, AuditSample, GateDecision
from curation.models.calibration import Calibration
from curation.models.dataset import Dataset, Membership, Role
from curation.models.decision import Decision, Selection
from curation.models.export import Export
from curation.models.frame import Frame, FrameProbability, FrameScore, Pack, ScoredPack
from curation.models.job import Job, JobLine
from curation.models.model_version import Activation, ModelVersion
from curation.models.preference import Preference, SavedView
from curation.models.review import Review, Verdict
from curation.models.score import Score
from curation.models.second_look import SecondLook
from curation.models.segment import Segment
from curation.models.tally import Tally
from curation.models.training_run import EpochMetric, TrainingRun
from curation.models.video import Upload, Video

__all__ = [
    "Activation",
    "AuditFrame",
    "AuditSample",
    "Calibration",
    "Dataset",
    "Decision",
    "EpochMetric",
    "Export",
    "Frame",
    "FrameProbability",
    "FrameScore",
    "GateDecision",
    "Job",
    "JobLine",
    "Membership",
    "ModelVersion",
    "Pack",
    "Preference",
    "Review",
    "Role",
    "SavedView",
    "Score",
    "ScoredPack",
    "SecondLook",
    "Segment",
    "Selection",
    "Tally",
    "TrainingRun",
    "Upload",
    "Verdict",
    "Video",
]
