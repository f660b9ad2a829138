"""What a site says of consent: places, signals, how long a yes holds, who is responsible."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access", "0005_audit_sealed")]

    operations = [
        migrations.AddField(
            model_name="site",
            name="ask_again_months",
            field=models.PositiveSmallIntegerField(
                db_default=6,
                default=6,
                help_text="Whoever has refused is not asked again before.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(60),
                ],
                verbose_name="after a no, silence for",
            ),
        ),
        migrations.AddField(
            model_name="site",
            name="contact",
            field=models.CharField(
                blank=True,
                help_text="Where they are reached: an address or a mailbox.",
                max_length=200,
            ),
        ),
        migrations.AddField(
            model_name="site",
            name="controller",
            field=models.CharField(
                blank=True,
                help_text="Who is responsible, as the notice names them.",
                max_length=200,
            ),
        ),
        migrations.AddField(
            model_name="site",
            name="grant_months",
            field=models.PositiveSmallIntegerField(
                db_default=12,
                default=12,
                help_text="A yes ends after so many months: visitors are asked again.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(24),
                ],
                verbose_name="a yes holds for",
            ),
        ),
        migrations.AddField(
            model_name="site",
            name="opt_out_months",
            field=models.PositiveSmallIntegerField(
                db_default=12,
                default=12,
                help_text="The same after an opt-out of sale. California: at least 12.",
                validators=[
                    django.core.validators.MinValueValidator(12),
                    django.core.validators.MaxValueValidator(60),
                ],
                verbose_name="after an opt-out of sale, for",
            ),
        ),
        migrations.AddField(
            model_name="site",
            name="place_policy",
            field=models.CharField(
                choices=[
                    ("fixed", "The regime above, or a stricter one where the place is known"),
                    (
                        "by_place",
                        "By place: where the visitor lives or is; strict where nobody knows",
                    ),
                ],
                default="fixed",
                help_text="The place is where somebody says they live, or what a trusted proxy tells.",
                max_length=10,
                verbose_name="which default holds",
            ),
        ),
        migrations.AddField(
            model_name="site",
            name="privacy_settings",
            field=models.JSONField(
                blank=True,
                db_default={},
                default=dict,
                editable=False,
                help_text="How long each kind of data is kept, where it is not as docs/privacy.md says.",
            ),
        ),
        migrations.AddField(
            model_name="site",
            name="tcf_vendor_id",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="The site's number on the IAB global vendor list. Without it nothing is ever granted by a TCF string.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(65535),
                ],
                verbose_name="TCF vendor id",
            ),
        ),
        migrations.AddField(
            model_name="site",
            name="treats_gpc_as_refusal",
            field=models.BooleanField(
                blank=True,
                choices=[(None, "Where silence is a no"), (True, "Always"), (False, "Never")],
                help_text="It always refuses advertising and sale.",
                null=True,
                verbose_name="Global Privacy Control refuses personalization",
            ),
        ),
        migrations.AlterField(
            model_name="source",
            name="consent_mode",
            field=models.CharField(
                choices=[
                    ("required", "Required: nothing is stored without a yes"),
                    ("assumed", "Assumed: the site vouches for consent when nothing is recorded"),
                    ("by_regime", "By regime: silence is what the law of the place says it is"),
                ],
                default="required",
                max_length=10,
            ),
        ),
    ]
