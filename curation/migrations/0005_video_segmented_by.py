"""What a video's segments were found by; data sets that have a model already are asked to find theirs."""

from django.db import migrations, models


def request_segments(apps, schema_editor):
    """A queued job each: the sweep wakes a worker for it."""
    Dataset, Job = apps.get_model("curation", "Dataset"), apps.get_model("curation", "Job")
    for dataset in Dataset.objects.exclude(active_version=None):
        key = f"segment:model_version={dataset.active_version_id}"
        Job.objects.create(kind="segment", key=key, dataset=dataset, model_version_id=dataset.active_version_id)


class Migration(migrations.Migration):
    dependencies = [("curation", "0004_segments_and_decisions")]

    operations = [
        migrations.AddField(
            model_name="video",
            name="segmented_by",
            field=models.CharField(
                blank=True,
                default="",
                help_text="The version, score and threshold that its segments were found by, as "
                "curation/segment_rows.py writes them; empty before they were found.",
                max_length=120,
            ),
            preserve_default=False,
        ),
        migrations.RunPython(request_segments, migrations.RunPython.noop),
    ]
