import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0002_idempotent_calls'),
    ]

    operations = [
        migrations.AddField(
            model_name='site',
            name='decision_log_share',
            field=models.FloatField(default=1.0, help_text='Share of decisions (0 to 1) kept with all they read, so that they can be replayed. Reasons are kept of every decision.', validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)]),
        ),
        migrations.AddField(
            model_name='site',
            name='preferences_url',
            field=models.URLField(blank=True, default='', help_text='Where visitors change what they allow; told to those who ask why they see this.'),
            preserve_default=False,
        ),
    ]
