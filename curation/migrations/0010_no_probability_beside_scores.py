from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("curation", "0009_probabilities_by_fit"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="framescore",
            name="score_by_probability",
        ),
        migrations.RemoveIndex(
            model_name="framescore",
            name="score_by_verdict_prob",
        ),
        migrations.RemoveField(
            model_name="framescore",
            name="probability",
        ),
    ]
