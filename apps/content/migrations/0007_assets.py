import apps.work.ids
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0004_editing'),
        ('content', '0006_kinds'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Asset',
            fields=[
                ('id', models.UUIDField(default=apps.work.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=100, validators=[django.core.validators.RegexValidator('\\A[a-z0-9][a-z0-9._-]{0,99}\\Z', 'A key starts with a lower-case letter or a digit and has at most 100 of a-z, 0-9, full stop, hyphen and underscore.', code='invalid_key')])),
                ('name', models.CharField(max_length=120)),
                ('alt', models.JSONField(blank=True, default=dict)),
                ('focal_x', models.PositiveSmallIntegerField(default=50, validators=[django.core.validators.MaxValueValidator(100)])),
                ('focal_y', models.PositiveSmallIntegerField(default=50, validators=[django.core.validators.MaxValueValidator(100)])),
                ('width', models.PositiveIntegerField(editable=False)),
                ('height', models.PositiveIntegerField(editable=False)),
                ('media_type', models.CharField(editable=False, max_length=40)),
                ('digest', models.CharField(editable=False, max_length=64)),
                ('size', models.PositiveIntegerField(editable=False, help_text='Bytes.')),
                ('at', models.DateTimeField(editable=False)),
                ('archived_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='assets', to=settings.AUTH_USER_MODEL)),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='assets', to='access.site')),
            ],
            options={
                'verbose_name': 'picture',
                'indexes': [models.Index(fields=['site', '-at'], name='content_asset_newest'), models.Index(fields=['digest'], name='content_asset_digest')],
                'constraints': [models.UniqueConstraint(fields=('site', 'key'), name='content_asset_key'), models.CheckConstraint(condition=models.Q(('focal_x__lte', 100), ('focal_y__lte', 100)), name='content_asset_focal_point_inside')],
            },
        ),
        migrations.CreateModel(
            name='AssetFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64)),
                ('spec', models.CharField(max_length=40)),
                ('media_type', models.CharField(max_length=40)),
                ('data', models.BinaryField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('digest', 'spec'), name='content_assetfile_spec')],
            },
        ),
    ]
