"""What every key of content looks like."""

from django.core.validators import RegexValidator

from apps.content.types import KEY_PATTERN, KEY_RULE

check_key = RegexValidator(rf"\A{KEY_PATTERN}\Z", KEY_RULE, code="invalid_key")
