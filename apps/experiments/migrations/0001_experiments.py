"""Experiments: their design, what runs of them, and what they say."""

import apps.work.ids
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('access', '0007_sign_in'),
        ('content', '0007_assets'),
        ('profiles', '0010_duplicates'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Cursor',
            fields=[
                ('site', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='access.site')),
                ('event_id', models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='Phase',
            fields=[
                ('id', models.UUIDField(default=apps.work.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveSmallIntegerField()),
                ('seed', models.CharField(max_length=100, unique=True)),
                ('arms', models.JSONField()),
                ('stopped', models.JSONField(blank=True, default=list)),
                ('coverage', models.FloatField()),
                ('layer_key', models.CharField(blank=True, max_length=100)),
                ('layer_start', models.FloatField(default=0.0)),
                ('layer_end', models.FloatField(default=1.0)),
                ('condition', models.JSONField(blank=True, null=True)),
                ('segments', models.JSONField(blank=True, default=list)),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Layer',
            fields=[
                ('id', models.UUIDField(default=apps.work.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=100, validators=[django.core.validators.RegexValidator('\\A[a-z0-9][a-z0-9._-]{0,99}\\Z', 'A key starts with a lower-case letter or a digit and has at most 100 of a-z, 0-9, full stop, hyphen and underscore.', code='invalid_key')])),
                ('name', models.CharField(max_length=120)),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='layers', to='access.site')),
            ],
        ),
        migrations.CreateModel(
            name='Experiment',
            fields=[
                ('id', models.UUIDField(default=apps.work.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=100, validators=[django.core.validators.RegexValidator('\\A[a-z0-9][a-z0-9._-]{0,99}\\Z', 'A key starts with a lower-case letter or a digit and has at most 100 of a-z, 0-9, full stop, hyphen and underscore.', code='invalid_key')])),
                ('name', models.CharField(max_length=120)),
                ('hypothesis', models.TextField(blank=True, help_text='What will change, for whom, and why you think so.')),
                ('kind', models.CharField(choices=[('ab', 'A/B/n: fixed shares'), ('factorial', 'Factorial: every combination of several changes'), ('bandit', 'Bandit: shares follow what works')], default='ab', max_length=10)),
                ('factors', models.JSONField(blank=True, default=list, help_text='Of a factorial: [{"key", "levels": [...]}, ...]; an arm for each combination.')),
                ('state', models.CharField(choices=[('draft', 'Draft'), ('running', 'Running'), ('paused', 'Paused'), ('concluded', 'Concluded')], default='draft', max_length=10)),
                ('coverage', models.FloatField(default=1.0, help_text='The share of visitors who take part.', validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)])),
                ('layer_share', models.FloatField(default=1.0, help_text='How much of the layer it has for itself.', validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)])),
                ('condition', models.JSONField(blank=True, help_text='Who takes part at all; empty: everybody.', null=True)),
                ('segments', models.JSONField(blank=True, default=list, help_text='Keys of the segments that effects are told apart for, at most 20.')),
                ('looking', models.CharField(choices=[('any_time', 'At any time (confidence sequence)'), ('planned', 'At planned looks (group sequential)')], default='any_time', max_length=8)),
                ('looks', models.PositiveSmallIntegerField(default=4, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(50)])),
                ('alpha', models.FloatField(default=0.05, validators=[django.core.validators.MinValueValidator(0.001), django.core.validators.MaxValueValidator(0.2)])),
                ('power', models.FloatField(default=0.8, validators=[django.core.validators.MinValueValidator(0.5), django.core.validators.MaxValueValidator(0.99)])),
                ('baseline', models.FloatField(blank=True, help_text='What the goal is without it.', null=True)),
                ('mde_relative', models.FloatField(blank=True, help_text='The least relative change that is worth finding.', null=True)),
                ('per_arm', models.PositiveIntegerField(blank=True, help_text='Participants in each arm that this takes.', null=True)),
                ('min_days', models.PositiveSmallIntegerField(default=7, help_text='No verdict before.', validators=[django.core.validators.MinValueValidator(1)])),
                ('is_unplanned', models.BooleanField(default=False, editable=False, help_text='Started without saying how large it has to be.')),
                ('phase', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('concluded_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('winner', models.CharField(blank=True, help_text='The key of an arm.', max_length=100)),
                ('learnings', models.TextField(blank=True)),
                ('created_at', models.DateTimeField()),
                ('revision', models.PositiveIntegerField(default=0, editable=False)),
                ('archived_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('placement', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='experiments', to='content.placement')),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='experiments', to='access.site')),
                ('layer', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='experiments', to='experiments.layer')),
            ],
        ),
        migrations.CreateModel(
            name='Metric',
            fields=[
                ('id', models.UUIDField(default=apps.work.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=100, validators=[django.core.validators.RegexValidator('\\A[a-z0-9][a-z0-9._-]{0,99}\\Z', 'A key starts with a lower-case letter or a digit and has at most 100 of a-z, 0-9, full stop, hyphen and underscore.', code='invalid_key')])),
                ('name', models.CharField(max_length=120)),
                ('kind', models.CharField(choices=[('conversion', 'Share who did it'), ('mean', 'Average for each participant'), ('ratio', 'One sum divided by another'), ('retention', 'Share who came back'), ('quantile', 'Quantile of single values')], default='conversion', max_length=12)),
                ('event', models.CharField(help_text='The event that is measured.', max_length=200)),
                ('of', models.CharField(choices=[('count', 'Number of events'), ('value', 'Value of the events'), ('property', 'A property of the events')], default='count', max_length=8)),
                ('property', models.CharField(blank=True, max_length=200)),
                ('per_event', models.CharField(blank=True, help_text='Of a ratio: the event it is divided by.', max_length=200)),
                ('per_of', models.CharField(choices=[('count', 'Number of events'), ('value', 'Value of the events'), ('property', 'A property of the events')], default='count', max_length=8)),
                ('per_property', models.CharField(blank=True, max_length=200)),
                ('direction', models.CharField(choices=[('up', 'More is better'), ('down', 'Less is better')], default='up', max_length=4)),
                ('currency', models.CharField(blank=True, help_text='Events of another currency are left out, and counted.', max_length=3)),
                ('window_hours', models.PositiveIntegerField(default=168, help_text='How long after the first exposure it counts.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(4320)])),
                ('after_hours', models.PositiveIntegerField(default=0, help_text='From when on it counts: to come back, for example, after a day.')),
                ('most', models.FloatField(blank=True, help_text='The most that one participant can count (winsorised).', null=True)),
                ('quantile', models.FloatField(default=0.9, validators=[django.core.validators.MinValueValidator(0.01), django.core.validators.MaxValueValidator(0.99)])),
                ('archived_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='metrics', to='access.site')),
            ],
        ),
        migrations.CreateModel(
            name='Goal',
            fields=[
                ('id', models.UUIDField(default=apps.work.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('role', models.CharField(choices=[('goal', 'Goal: decides'), ('guardrail', 'Guardrail: must not get worse'), ('watched', 'Watched: for learning only')], default='goal', max_length=10)),
                ('margin', models.FloatField(blank=True, help_text='Of a guardrail: how much worse, relatively, is still accepted.', null=True, validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)])),
                ('added_at', models.DateTimeField(help_text='After the start: marked as added later.')),
                ('experiment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='goals', to='experiments.experiment')),
                ('metric', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='goals', to='experiments.metric')),
            ],
        ),
        migrations.CreateModel(
            name='Result',
            fields=[
                ('phase', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='result', serialize=False, to='experiments.phase')),
                ('worked_out_at', models.DateTimeField()),
                ('document', models.JSONField()),
            ],
        ),
        migrations.AddField(
            model_name='phase',
            name='experiment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='phases', to='experiments.experiment'),
        ),
        migrations.CreateModel(
            name='Participant',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('arm', models.PositiveSmallIntegerField()),
                ('first_at', models.DateTimeField()),
                ('day', models.DateField(help_text='Of the first exposure, UTC.')),
                ('is_mixed', models.BooleanField(default=False)),
                ('is_bot', models.BooleanField(default=False)),
                ('segments', models.JSONField(blank=True, default=list)),
                ('facts', models.JSONField(blank=True, default=dict)),
                ('profile', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='profiles.profile')),
                ('phase', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='participants', to='experiments.phase')),
            ],
        ),
        migrations.CreateModel(
            name='Look',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('figures', models.JSONField(help_text='[[metric, arm, estimate, low, high], ...]')),
                ('phase', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='looks', to='experiments.phase')),
            ],
        ),
        migrations.CreateModel(
            name='DaySum',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('arm', models.PositiveSmallIntegerField()),
                ('segment', models.CharField(blank=True, default='', max_length=100)),
                ('day', models.DateField()),
                ('n', models.BigIntegerField()),
                ('y', models.FloatField()),
                ('yy', models.FloatField()),
                ('d', models.FloatField(default=0.0)),
                ('dd', models.FloatField(default=0.0)),
                ('yd', models.FloatField(default=0.0)),
                ('x', models.FloatField(default=0.0)),
                ('xx', models.FloatField(default=0.0)),
                ('xy', models.FloatField(default=0.0)),
                ('sample', models.JSONField(blank=True, default=list, help_text='Of a quantile: a sample of the single values.')),
                ('left_out', models.PositiveIntegerField(default=0, help_text='Events of another currency, or without the number.')),
                ('counted_at', models.DateTimeField()),
                ('metric', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sums', to='experiments.metric')),
                ('phase', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sums', to='experiments.phase')),
            ],
        ),
        migrations.CreateModel(
            name='Reopened',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('phase', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reopened', to='experiments.phase')),
            ],
        ),
        migrations.CreateModel(
            name='Serving',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('publication', models.PositiveIntegerField()),
                ('experiment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='servings', to='experiments.experiment')),
                ('phase', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='servings', to='experiments.phase')),
            ],
        ),
        migrations.CreateModel(
            name='Change',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('phase', models.PositiveSmallIntegerField()),
                ('at', models.DateTimeField()),
                ('action', models.CharField(max_length=20)),
                ('note', models.CharField(blank=True, max_length=500)),
                ('detail', models.JSONField(blank=True, default=dict)),
                ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('experiment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='experiments.experiment')),
            ],
            options={
                'indexes': [models.Index(fields=['experiment', '-at'], name='experiments_changes')],
            },
        ),
        migrations.CreateModel(
            name='Arm',
            fields=[
                ('id', models.UUIDField(default=apps.work.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveSmallIntegerField()),
                ('key', models.CharField(max_length=100, validators=[django.core.validators.RegexValidator('\\A[a-z0-9][a-z0-9._-]{0,99}\\Z', 'A key starts with a lower-case letter or a digit and has at most 100 of a-z, 0-9, full stop, hyphen and underscore.', code='invalid_key')])),
                ('name', models.CharField(max_length=120)),
                ('weight', models.FloatField(validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)])),
                ('is_control', models.BooleanField(default=False)),
                ('levels', models.JSONField(blank=True, default=dict, help_text='Of a factorial: {"headline": "short", ...}.')),
                ('variant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='arms', to='content.variant')),
                ('experiment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='arms', to='experiments.experiment')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('experiment', 'number'), name='experiments_arm_number'), models.UniqueConstraint(fields=('experiment', 'key'), name='experiments_arm_key'), models.UniqueConstraint(condition=models.Q(('is_control', True)), fields=('experiment',), name='experiments_one_control')],
            },
        ),
        migrations.CreateModel(
            name='Holdout',
            fields=[
                ('id', models.UUIDField(default=apps.work.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=100, validators=[django.core.validators.RegexValidator('\\A[a-z0-9][a-z0-9._-]{0,99}\\Z', 'A key starts with a lower-case letter or a digit and has at most 100 of a-z, 0-9, full stop, hyphen and underscore.', code='invalid_key')])),
                ('name', models.CharField(max_length=120)),
                ('share', models.FloatField(default=0.05, validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(0.5)])),
                ('seed', models.CharField(editable=False, max_length=100)),
                ('is_enabled', models.BooleanField(default=True)),
                ('started_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('rotates_days', models.PositiveSmallIntegerField(default=90, help_text='After so many days others are held out. 0: never.')),
                ('archived_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='holdouts', to='access.site')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('site', 'key'), name='experiments_holdout_key')],
            },
        ),
        migrations.AddConstraint(
            model_name='layer',
            constraint=models.UniqueConstraint(fields=('site', 'key'), name='experiments_layer_key'),
        ),
        migrations.AddConstraint(
            model_name='experiment',
            constraint=models.UniqueConstraint(fields=('site', 'key'), name='experiments_key'),
        ),
        migrations.AddConstraint(
            model_name='metric',
            constraint=models.UniqueConstraint(fields=('site', 'key'), name='experiments_metric_key'),
        ),
        migrations.AddConstraint(
            model_name='metric',
            constraint=models.CheckConstraint(condition=models.Q(('after_hours__lt', models.F('window_hours'))), name='experiments_metric_window'),
        ),
        migrations.AddConstraint(
            model_name='goal',
            constraint=models.UniqueConstraint(fields=('experiment', 'metric'), name='experiments_goal_once'),
        ),
        migrations.AddConstraint(
            model_name='phase',
            constraint=models.UniqueConstraint(fields=('experiment', 'number'), name='experiments_phase_number'),
        ),
        migrations.AddConstraint(
            model_name='phase',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('experiment',), name='experiments_one_phase'),
        ),
        migrations.AddIndex(
            model_name='participant',
            index=models.Index(fields=['phase', 'day'], name='experiments_joined'),
        ),
        migrations.AddConstraint(
            model_name='participant',
            constraint=models.UniqueConstraint(fields=('phase', 'profile'), name='experiments_participant_once'),
        ),
        migrations.AddConstraint(
            model_name='look',
            constraint=models.UniqueConstraint(fields=('phase', 'day'), name='experiments_look_day'),
        ),
        migrations.AddConstraint(
            model_name='daysum',
            constraint=models.UniqueConstraint(fields=('phase', 'metric', 'arm', 'segment', 'day'), name='experiments_daysum_once'),
        ),
        migrations.AddConstraint(
            model_name='serving',
            constraint=models.UniqueConstraint(fields=('experiment', 'publication'), name='experiments_serving_once'),
        ),
    ]
