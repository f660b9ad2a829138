"""What may be recommended, how it is learned, and how methods did beside each other."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('profiles', '0010_duplicates'),
        ('recommendations', '0003_purposes'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='item',
            name='first_seen_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='item',
            name='image',
            field=models.CharField(blank=True, max_length=2000),
        ),
        migrations.AddField(
            model_name='item',
            name='is_available',
            field=models.BooleanField(default=True, help_text='Only what is available is recommended.'),
        ),
        migrations.AddField(
            model_name='item',
            name='source',
            field=models.CharField(choices=[('events', 'Events'), ('import', 'Catalogue')], default='events', max_length=6),
        ),
        migrations.AddField(
            model_name='item',
            name='stock',
            field=models.PositiveIntegerField(blank=True, help_text='How many there are; empty: not counted.', null=True),
        ),
        migrations.AddField(
            model_name='item',
            name='url',
            field=models.CharField(blank=True, max_length=2000),
        ),
        migrations.AddField(
            model_name='item',
            name='words',
            field=models.CharField(blank=True, help_text='What it is about: items alike are found by it.', max_length=1000),
        ),
        migrations.AddField(
            model_name='itemlist',
            name='method',
            field=models.CharField(default='followed_by', help_text='What the list was made by.', max_length=12),
        ),
        migrations.AddField(
            model_name='itemlist',
            name='previous',
            field=models.CharField(default='', help_text='What was looked at before the item; empty: anything.', max_length=500),
        ),
        migrations.AlterField(
            model_name='itemlist',
            name='ranked',
            field=models.JSONField(help_text='[[item, number], ...]: what it is depends on the method.'),
        ),
        migrations.RemoveConstraint(
            model_name='itemlist',
            name='recommendations_list_unique',
        ),
        migrations.AddConstraint(
            model_name='itemlist',
            constraint=models.UniqueConstraint(fields=('version', 'item', 'previous'), name='recommendations_list_unique'),
        ),
        migrations.AddField(
            model_name='recommender',
            name='catalogue_at',
            field=models.DateTimeField(blank=True, editable=False, help_text='When what is offered last changed.', null=True),
        ),
        migrations.AddField(
            model_name='itemlist',
            name='vector',
            field=models.JSONField(blank=True, help_text='Where the item lies among the others; at most 32 numbers.', null=True),
        ),
        migrations.AddField(
            model_name='recommender',
            name='bought_event',
            field=models.CharField(blank=True, default='Order Completed', help_text='The event of a purchase.', max_length=200),
        ),
        migrations.AddField(
            model_name='recommender',
            name='diversity',
            field=models.FloatField(default=0.0, help_text='0: the likeliest only; 1: as different from each other as can be.', validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)]),
        ),
        migrations.AddField(
            model_name='recommender',
            name='exploration',
            field=models.FloatField(default=0.0, help_text='The share of lists in which one place shows something less known.', validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(0.5)]),
        ),
        migrations.AddField(
            model_name='recommender',
            name='filters',
            field=models.JSONField(blank=True, default=dict, help_text='What is never recommended: bought, seen, current, only, never.'),
        ),
        migrations.AddField(
            model_name='recommender',
            name='half_life_days',
            field=models.FloatField(default=21.0, help_text='After how many days a liking counts half.', validators=[django.core.validators.MinValueValidator(0.1)]),
        ),
        migrations.AddField(
            model_name='recommender',
            name='per_person',
            field=models.BooleanField(default=False, help_text='Keep a list for every person, for e-mail.'),
        ),
        migrations.AddField(
            model_name='recommender',
            name='weights',
            field=models.JSONField(blank=True, default=dict, help_text='How much each event tells of a liking; empty: the event above counts 1.'),
        ),
        migrations.AddField(
            model_name='recommenderversion',
            name='approved_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='recommenderversion',
            name='data_sha256',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='recommenderversion',
            name='method',
            field=models.CharField(default='followed_by', max_length=12),
        ),
        migrations.AddField(
            model_name='recommenderversion',
            name='outcome',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name='recommenderversion',
            name='params',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name='recommenderversion',
            name='state',
            field=models.CharField(choices=[('candidate', 'Candidate: waits for a yes'), ('active', 'Active: serves now'), ('retired', 'Retired: served once'), ('refused', 'Refused: it would not help')], default='candidate', max_length=9),
        ),
        migrations.AlterField(
            model_name='recommender',
            name='kind',
            field=models.CharField(choices=[('auto', 'The best of them on days that none has learned from'), ('followed_by', 'Followed by: what others looked at next'), ('als', 'Like-minded: what people with the same tastes liked (ALS)'), ('neighbours', 'Similar: items that the same people liked'), ('session', 'Session: what comes next, ranked by trees'), ('content', 'Alike: items of the same sort, also new ones'), ('popular', 'Popular: the same for everyone')], default='followed_by', max_length=20),
        ),
        migrations.CreateModel(
            name='PersonList',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('items', models.JSONField(help_text='[[item, score, why], ...]')),
                ('as_of', models.DateTimeField()),
                ('profile', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='item_lists', to='profiles.profile')),
                ('recommender', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='person_lists', to='recommendations.recommender')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='person_lists', to='recommendations.recommenderversion')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('profile', 'recommender'), name='recommendations_person_unique')],
            },
        ),
        migrations.CreateModel(
            name='Trial',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('tried_at', models.DateTimeField()),
                ('cut_at', models.DateTimeField(help_text='Learned from before, judged by what came after.')),
                ('method', models.CharField(max_length=12)),
                ('k', models.PositiveSmallIntegerField(default=10)),
                ('people', models.PositiveIntegerField()),
                ('figures', models.JSONField(help_text="ndcg, recall, hit_rate, coverage, novelty, gini; and each one's interval.")),
                ('won', models.BooleanField(default=False)),
                ('recommender', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='trials', to='recommendations.recommender')),
                ('version', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='trials', to='recommendations.recommenderversion')),
            ],
            options={
                'indexes': [models.Index(fields=['recommender', '-tried_at'], name='recommendations_trials')],
            },
        ),
        migrations.RunSQL(
            """
            UPDATE recommendations_recommenderversion v SET state = CASE
              WHEN EXISTS (SELECT FROM recommendations_recommender r WHERE r.active_id = v.id)
              THEN 'active' ELSE 'retired' END
            """,
            migrations.RunSQL.noop,
        ),
    ]
