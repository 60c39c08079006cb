import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Max, Q

CARRY = """
INSERT INTO curation_frameprobability (calibration_id, frame_id, value, verdict, is_copy)
SELECT fit.id, score.frame_id, score.probability, score.verdict, score.is_copy
FROM curation_calibration fit JOIN curation_framescore score ON score.model_version_id = fit.model_version_id
WHERE fit.stands AND score.probability IS NOT NULL
ORDER BY fit.id, score.probability
"""


def carry_over(apps, schema_editor):
    """Probabilities stood beside the scores; the newest fit that was applied is the one that stands. Counts of them are
    kept by fit now: those of the versions are counted anew at the next start."""
    calibrations = apps.get_model("curation", "Calibration").objects
    newest = calibrations.filter(applied_at__isnull=False).order_by().values("model_version")
    for row in newest.annotate(at=Max("created_at")):
        last = calibrations.filter(
            model_version=row["model_version"], created_at=row["at"], applied_at__isnull=False
        ).order_by("-id")
        calibrations.filter(pk=last.first().pk).update(stands=True)
    schema_editor.execute(CARRY)
    apps.get_model("curation", "Tally").objects.filter(~Q(model_version=None)).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("curation", "0008_second_looks"),
    ]

    operations = [
        migrations.AddField(
            model_name="calibration",
            name="stands",
            field=models.BooleanField(
                default=False, help_text="Its probabilities are the version's; others wait or go."
            ),
        ),
        migrations.AddConstraint(
            model_name="calibration",
            constraint=models.UniqueConstraint(
                condition=models.Q(("stands", True)), fields=("model_version",), name="one_standing_fit_per_version"
            ),
        ),
        migrations.AddField(
            model_name="tally",
            name="calibration",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="tallies",
                to="curation.calibration",
            ),
        ),
        migrations.CreateModel(
            name="FrameProbability",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("value", models.FloatField(help_text="Calibrated probability of OUT.")),
                (
                    "verdict",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Unreviewed"),
                            ("in", "In distribution"),
                            ("out", "Out of distribution"),
                            ("unsure", "Unsure"),
                        ],
                        default="",
                        max_length=6,
                    ),
                ),
                (
                    "is_copy",
                    models.BooleanField(
                        default=False, help_text="The frame nearly repeats one before it: Frame.copy_of."
                    ),
                ),
                (
                    "calibration",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="probabilities",
                        to="curation.calibration",
                    ),
                ),
                (
                    "frame",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="probabilities",
                        to="curation.frame",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "frame probabilities",
                "constraints": [
                    models.UniqueConstraint(fields=("frame", "calibration"), name="one_probability_per_fit")
                ],
                "indexes": [
                    models.Index(fields=["calibration", "value", "frame", "is_copy"], name="probability_by_value"),
                    models.Index(
                        fields=["calibration", "verdict", "value", "frame", "is_copy"], name="probability_by_verdict"
                    ),
                ],
            },
        ),
        migrations.RunPython(carry_over, migrations.RunPython.noop),
    ]
