import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('decisions', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='decisionrecord',
            name='format',
            field=models.PositiveSmallIntegerField(default=0, help_text='0: before there were seals.'),
        ),
        migrations.AddField(
            model_name='decisionrecord',
            name='digest',
            field=models.CharField(blank=True, default='', help_text="The publication's, its begin.", max_length=16),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='decisionrecord',
            name='unit_id',
            field=models.CharField(blank=True, default='', help_text='What was bucketed by.', max_length=600),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='decisionrecord',
            name='inputs',
            field=models.BinaryField(help_text='All that was read, for a replay.', null=True),
        ),
        migrations.AddField(
            model_name='decisionrecord',
            name='missing',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, help_text='What was read and is not kept on purpose.', size=None),
        ),
        migrations.AddField(
            model_name='decisionrecord',
            name='writer',
            field=models.UUIDField(help_text='The process that wrote it.', null=True),
        ),
        migrations.AddField(
            model_name='decisionrecord',
            name='number',
            field=models.PositiveBigIntegerField(default=0, help_text='Running, of its writer.'),
        ),
        migrations.AddField(
            model_name='decisionrecord',
            name='dropped',
            field=models.PositiveBigIntegerField(default=0, help_text='How many records its writer had to drop before this one.'),
        ),
        migrations.AddField(
            model_name='decisionrecord',
            name='key_id',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='decisionrecord',
            name='seal',
            field=models.BinaryField(default=bytes),
        ),
    ]
