"""Kinds of questions, gates of versions, groups, drift and fairness."""

import apps.work.ids
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('predictions', '0003_cuts'),
        ('profiles', '0010_duplicates'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='DriftLook',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('looked_at', models.DateTimeField()),
                ('kind', models.CharField(choices=[('feature', 'Feature'), ('score', 'Score'), ('calibration', 'Calibration'), ('missing', 'Missing values'), ('volume', 'Number of visitors')], max_length=12)),
                ('name', models.CharField(max_length=200)),
                ('value', models.FloatField(blank=True, help_text='PSI, or the figure itself.', null=True)),
                ('expected', models.FloatField(blank=True, help_text='What it would be by chance when nothing changed.', null=True)),
                ('level', models.CharField(choices=[('fine', 'As expected'), ('watch', 'Watch it'), ('drifted', 'Drifted'), ('unknown', 'Cannot be told')], max_length=8)),
                ('words', models.CharField(max_length=500)),
            ],
            options={
                'verbose_name': 'drift look',
            },
        ),
        migrations.CreateModel(
            name='FairnessAudit',
            fields=[
                ('id', models.UUIDField(default=apps.work.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('audited_at', models.DateTimeField()),
                ('trait', models.CharField(max_length=200)),
                ('groups', models.JSONField(blank=True, default=list)),
                ('pairs', models.JSONField(blank=True, default=list)),
                ('proxies', models.JSONField(blank=True, default=list)),
                ('verdict', models.CharField(choices=[('fine', 'No group is treated worse'), ('unfair', 'A group is treated worse'), ('unknown', 'Cannot be told')], max_length=8)),
                ('words', models.TextField()),
            ],
            options={
                'verbose_name': 'fairness audit',
            },
        ),
        migrations.CreateModel(
            name='Group',
            fields=[
                ('id', models.UUIDField(default=apps.work.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=40)),
                ('name', models.CharField(max_length=120)),
                ('size', models.PositiveIntegerField()),
                ('center', models.JSONField(blank=True, default=list)),
                ('words', models.JSONField(blank=True, default=list, help_text='What is most different of its people, in words.')),
                ('surrogate', models.JSONField(blank=True, default=dict, help_text='The rule that comes nearest to it, and how near.')),
                ('stability', models.FloatField(blank=True, null=True)),
                ('segment_key', models.CharField(blank=True, help_text='The segment an editor made of it.', max_length=100)),
            ],
        ),
        migrations.AlterModelOptions(
            name='modelversion',
            options={
                'permissions': [('overrule_modelversion', 'Can let a model serve that has a red gate')],
                'verbose_name': 'model version',
            },
        ),
        migrations.RemoveConstraint(
            model_name='score',
            name='predictions_score_unique',
        ),
        migrations.AddField(
            model_name='modelspec',
            name='audited_trait',
            field=models.CharField(blank=True, help_text='Its groups have to be treated alike: no model serves that does not.', max_length=200),
        ),
        migrations.AddField(
            model_name='modelspec',
            name='cost',
            field=models.FloatField(blank=True, help_text='What reaching somebody costs.', null=True),
        ),
        migrations.AddField(
            model_name='modelspec',
            name='embargo_hours',
            field=models.PositiveIntegerField(default=0, help_text='How much time is left out between what teaches and what judges.'),
        ),
        migrations.AddField(
            model_name='modelspec',
            name='gain',
            field=models.FloatField(blank=True, help_text='What reaching somebody who would do it is worth.', null=True),
        ),
        migrations.AddField(
            model_name='modelspec',
            name='hysteresis',
            field=models.FloatField(default=0.05, help_text='How far below the threshold somebody has to fall to leave.', validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(0.5)]),
        ),
        migrations.AddField(
            model_name='modelspec',
            name='kind',
            field=models.CharField(choices=[('propensity', 'Will it happen?'), ('absence', 'Will they stay away?'), ('categories', 'Which category comes next?'), ('lifetime', 'What will they be worth?'), ('rfm', 'Recency, frequency and value, one to five'), ('groups', 'Which groups are there?'), ('intent', 'What do their searches ask for?')], default='propensity', max_length=12),
        ),
        migrations.AddField(
            model_name='modelspec',
            name='knows_by',
            field=models.CharField(choices=[('auto', 'Chosen from how events arrive'), ('occurred', 'When it happened (imports)'), ('received', 'When it was received')], default='auto', help_text='What counts as known at a past moment.', max_length=8),
        ),
        migrations.AddField(
            model_name='modelspec',
            name='method',
            field=models.CharField(choices=[('trees', 'Boosted trees'), ('forest', 'Random forest'), ('linear', 'Logistic regression'), ('network', 'Small neural network'), ('best', 'The best of them on a time that none was taught with')], default='trees', max_length=8),
        ),
        migrations.AddField(
            model_name='modelspec',
            name='retrain',
            field=models.CharField(choices=[('nightly', 'Every night'), ('weekly', 'Every week'), ('drift', 'When visitors have changed (drift)'), ('by_hand', 'Only by hand')], default='nightly', max_length=8),
        ),
        migrations.AddField(
            model_name='modelspec',
            name='search',
            field=models.CharField(choices=[('none', 'As set'), ('grid', 'Try a grid'), ('bayes', 'Search (Bayesian)')], default='none', max_length=6),
        ),
        migrations.AddField(
            model_name='modelspec',
            name='serves_online',
            field=models.BooleanField(default=False, help_text='Worked out anew for every decision, from the newest events.'),
        ),
        migrations.AddField(
            model_name='modelspec',
            name='settings',
            field=models.JSONField(blank=True, default=dict, help_text='What only this kind of question asks for.'),
        ),
        migrations.AddField(
            model_name='modelspec',
            name='target',
            field=models.JSONField(blank=True, default=dict, help_text='What the event has to be of: {"category": "shoes"}; for categories the ones to tell apart: {"categories": ["shoes", "hats"]}.'),
        ),
        migrations.AddField(
            model_name='modelspec',
            name='threshold',
            field=models.FloatField(default=0.75, validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)]),
        ),
        migrations.AddField(
            model_name='modelspec',
            name='trials',
            field=models.PositiveIntegerField(default=30, validators=[django.core.validators.MinValueValidator(2), django.core.validators.MaxValueValidator(300)]),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='approval_note',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='approved_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='approved_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='data_sha256',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='gates',
            field=models.JSONField(blank=True, default=list, help_text='[[name, passed, words], ...]'),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='method',
            field=models.CharField(default='trees', max_length=8),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='online_us',
            field=models.FloatField(blank=True, help_text='Microseconds a row, measured when it was trained.', null=True),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='reference',
            field=models.JSONField(blank=True, default=dict, help_text='How features and scores lay when it was trained: drift is seen against it.'),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='shadow',
            field=models.JSONField(blank=True, default=dict, help_text='How it did beside the champion, without serving.'),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='signature',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='score',
            name='label',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AddField(
            model_name='score',
            name='output',
            field=models.CharField(blank=True, db_default='', default='', max_length=100),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='cause',
            field=models.CharField(choices=[('hand', 'By hand'), ('schedule', 'On schedule'), ('drift', 'Drift'), ('erasure', 'An erasure')], default='hand', max_length=10),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='intent_id',
            field=models.UUIDField(blank=True, help_text='The work that carries it out and shows how far it is.', null=True),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='report',
            field=models.JSONField(blank=True, default=dict, help_text='Trials, folds and the learning curve.'),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='stage',
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AlterField(
            model_name='modelspec',
            name='target_event',
            field=models.CharField(blank=True, help_text='The event to foresee. Empty, where nothing at all is foreseen: any event.', max_length=200),
        ),
        migrations.AlterField(
            model_name='modelversion',
            name='state',
            field=models.CharField(choices=[('candidate', 'Candidate: trained, waits for a yes'), ('challenger', 'Challenger: foresees in the shadow of the champion'), ('refused', 'Refused: it would not help'), ('champion', 'Champion: scores visitors now'), ('retired', 'Retired: was champion once')], default='candidate', max_length=10),
        ),
        migrations.AlterField(
            model_name='score',
            name='value',
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='trainingrun',
            name='state',
            field=models.CharField(choices=[('running', 'Running'), ('promoted', 'Promoted: it serves now'), ('ready', 'Ready: it waits for a yes'), ('kept', 'Kept as a candidate: the champion is at least as good'), ('refused', 'Refused: it would not help'), ('failed', 'Failed')], default='running', max_length=10),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'challenger')), fields=('spec',), name='predictions_one_challenger'),
        ),
        migrations.AddConstraint(
            model_name='score',
            constraint=models.UniqueConstraint(fields=('profile', 'spec', 'output'), name='predictions_score_unique'),
        ),
        migrations.AddField(
            model_name='driftlook',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='looks', to='predictions.modelversion'),
        ),
        migrations.AddField(
            model_name='fairnessaudit',
            name='asked_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='fairnessaudit',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='audits', to='predictions.modelversion'),
        ),
        migrations.AddField(
            model_name='group',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='groups', to='predictions.modelversion'),
        ),
        migrations.AddIndex(
            model_name='driftlook',
            index=models.Index(fields=['version', '-looked_at'], name='predictions_looks'),
        ),
        migrations.AddIndex(
            model_name='fairnessaudit',
            index=models.Index(fields=['version', '-audited_at'], name='predictions_audits'),
        ),
        migrations.AddConstraint(
            model_name='group',
            constraint=models.UniqueConstraint(fields=('version', 'key'), name='predictions_group_unique'),
        ),
        migrations.AlterField(
            model_name='score',
            name='profile',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='scores', to='profiles.profile'),
        ),
        migrations.AlterField(
            model_name='score',
            name='version',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='scores', to='predictions.modelversion'),
        ),
        # Scores are written again and again: room for the next one beside each, so that no index
        # has to follow.
        migrations.RunSQL(
            'ALTER TABLE predictions_score SET (fillfactor = 60)',
            'ALTER TABLE predictions_score RESET (fillfactor)',
        ),
    ]
