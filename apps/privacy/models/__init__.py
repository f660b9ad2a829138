"""What the privacy desk keeps: requests and their clocks, erasures, packages, runs of retention."""

from apps.privacy.models.erasures import Certificate as Certificate
from apps.privacy.models.erasures import Erasure as Erasure
from apps.privacy.models.erasures import ErasureStep as ErasureStep
from apps.privacy.models.erasures import ModelCut as ModelCut
from apps.privacy.models.erasures import RecipientTelling as RecipientTelling
from apps.privacy.models.outbox import Message  # noqa: F401
from apps.privacy.models.packages import Package as Package
from apps.privacy.models.requests import BulkAction as BulkAction
from apps.privacy.models.requests import BulkVote as BulkVote
from apps.privacy.models.requests import Note as Note
from apps.privacy.models.requests import Reminder as Reminder
from apps.privacy.models.requests import Request as Request
from apps.privacy.models.requests import RequestEvent as RequestEvent
from apps.privacy.models.requests import RequestSubject as RequestSubject
from apps.privacy.models.retention import RetentionRun as RetentionRun
