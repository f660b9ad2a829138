
import apps.integrations.models
import apps.work.ids
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('access', '0004_editing'),
        ('content', '0007_assets'),
    ]

    operations = [
        migrations.CreateModel(
            name='Connection',
            fields=[
                ('id', models.UUIDField(default=apps.work.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=120)),
                ('kind', models.CharField(choices=[('contentful', 'Contentful'), ('strapi', 'Strapi'), ('standard', 'Another: JSON signed as Standard Webhooks')], max_length=12)),
                ('secret', models.CharField(default=apps.integrations.models.new_secret, max_length=200)),
                ('seen_path', models.CharField(blank=True, help_text='Only where a proxy in front of this server changes the path: Contentful signs the one that it calls. Empty: as it arrives here.', max_length=300, verbose_name='path that the sender calls')),
                ('tag_prefix', models.CharField(blank=True, default='segment.', help_text='"segment." makes the tag "segment.vip" stand for the segment "vip". Other tags are left alone. Empty: segments are chosen here, and stay as they are.', max_length=40, verbose_name='tags that name segments begin with')),
                ('is_enabled', models.BooleanField(default=True, verbose_name='switched on')),
                ('created_at', models.DateTimeField(editable=False)),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='connections', to='access.site')),
            ],
            options={
                'verbose_name': 'content system',
            },
        ),
        migrations.CreateModel(
            name='EntryLink',
            fields=[
                ('id', models.UUIDField(default=apps.work.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('entry', models.CharField(max_length=200)),
                ('locale', models.CharField(blank=True, help_text='Empty: all of the entry.', max_length=35)),
                ('at', models.DateTimeField()),
                ('connection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='links', to='integrations.connection')),
                ('variant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='entry_links', to='content.variant')),
            ],
        ),
        migrations.CreateModel(
            name='Incoming',
            fields=[
                ('id', models.UUIDField(default=apps.work.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('delivery', models.CharField(help_text="The sender's id of the call, or digest.", max_length=200)),
                ('event', models.CharField(blank=True, max_length=200)),
                ('body', models.BinaryField()),
                ('repaired', models.TextField(blank=True, help_text='What is imported in the place of the body.')),
                ('state', models.CharField(choices=[('waiting', 'waits'), ('done', 'in the draft'), ('left', 'nothing to do'), ('refused', 'refused')], default='waiting', max_length=8)),
                ('code', models.CharField(blank=True, max_length=60)),
                ('message', models.CharField(blank=True, max_length=1000)),
                ('received_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('connection', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='incoming', to='integrations.connection')),
                ('variant', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='content.variant')),
            ],
            options={
                'verbose_name': 'incoming content',
                'verbose_name_plural': 'incoming content',
            },
        ),
        migrations.CreateModel(
            name='Mapping',
            fields=[
                ('id', models.UUIDField(default=apps.work.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('content_type', models.CharField(help_text='As the content system calls it: "heroBanner".', max_length=200)),
                ('fields', models.TextField(blank=True, help_text='One a line, theirs and ours: "title = headline". Empty: those of the same name.')),
                ('block', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='mappings', to='content.block')),
                ('connection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='mappings', to='integrations.connection')),
            ],
        ),
        migrations.AddConstraint(
            model_name='connection',
            constraint=models.UniqueConstraint(fields=('site', 'name'), name='integrations_connection_name'),
        ),
        migrations.AddConstraint(
            model_name='entrylink',
            constraint=models.UniqueConstraint(fields=('connection', 'entry', 'locale'), name='integrations_link_entry'),
        ),
        migrations.AddIndex(
            model_name='incoming',
            index=models.Index(fields=['-received_at'], name='integrations_incoming_at'),
        ),
        migrations.AddIndex(
            model_name='incoming',
            index=models.Index(condition=models.Q(('ended_at', None), _negated=True), fields=['ended_at'], name='integrations_incoming_end'),
        ),
        migrations.AddConstraint(
            model_name='incoming',
            constraint=models.UniqueConstraint(fields=('connection', 'delivery'), name='integrations_incoming_once'),
        ),
        migrations.AddConstraint(
            model_name='mapping',
            constraint=models.UniqueConstraint(fields=('connection', 'content_type'), name='integrations_mapping_type'),
        ),
    ]
