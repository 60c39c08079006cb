"""A video keeps the sampling that its frames were taken with, so that they can be taken again."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('curation', '0002_trusted_scores'),
    ]

    operations = [
        migrations.AddField(
            model_name='video',
            name='sampling',
            field=models.JSONField(
                help_text='Mode and step that its frames were taken with; kept when they are extracted anew.', null=True
            ),
        ),
    ]
