"""One machine: the embedded servers, plain http."""

from config.settings.base import *
