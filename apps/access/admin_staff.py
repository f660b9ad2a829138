"""Staff in the admin: roles, sites, and what helps who has lost a phone."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.access import second_factor, services
from apps.access.models import SealedTotp, SiteStaff
from apps.work import clock

admin.site.unregister(User)
# Their pages would show secrets; ours is the page of the second factor.
for _device in (TOTPDevice, StaticDevice):
    admin.site.unregister(_device)


class SiteStaffInline(admin.TabularInline[SiteStaff, User]):
    """The sites that somebody works on."""

    model = SiteStaff
    extra = 0
    verbose_name = "site"
    verbose_name_plural = "Works on these sites only (none: on all of them)"


@admin.register(User)
class StaffAdmin(UserAdmin[User]):
    """Staff. Roles are groups; only a superuser makes, or changes, a superuser."""

    inlines = [SiteStaffInline]
    actions = ["remove_second_factor", "end_sessions"]
    list_display = ["username", "email", "is_active", "roles", "has_second_factor"]
    list_filter = ["is_active", "is_superuser", "groups"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """With what the list says of each."""
        confirmed = SealedTotp.objects.filter(user=OuterRef("pk"), confirmed=True)
        rows = super().get_queryset(request).annotate(factor=Exists(confirmed))
        return rows.prefetch_related("groups")

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Sites are given to an account that exists."""
        return [SiteStaffInline] if obj is not None else []

    @admin.display(description="Roles")
    def roles(self, user: User) -> str:
        """The names of their groups."""
        return ", ".join(group.name for group in user.groups.all()) or "-"

    @admin.display(description="Second factor", boolean=True)
    def has_second_factor(self, user: Any) -> bool:
        """Whether it is set up."""
        return bool(user.factor)

    @admin.action(description="Sign them out everywhere", permissions=["change"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """End every session of some people; of a superuser, a superuser does."""
        for user in queryset:
            if user.is_superuser and not request.user.is_superuser:
                self.message_user(request, f"{user}: a superuser does this.", messages.ERROR)
                continue
            ended = second_factor.end_sessions(user)
            services.record_audit(
                action="access.sessions_ended", actor=actor_of(request), site_id=None,
                target_kind="auth.user", target_id=str(user.pk), detail={"sessions": ended},
                now=clock.now(),
            )  # fmt: skip
            self.message_user(request, f"{user} is signed out: {ended} sessions ended.")

    @admin.action(description="Take the second factor away (a lost phone)", permissions=["change"])
    def remove_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """For colleagues; nobody takes away their own, nor a superuser's without being one."""
        removed, refused = [], []
        for user in queryset:
            is_theirs = user.pk == request.user.pk
            if is_theirs or (user.is_superuser and not request.user.is_superuser):
                refused.append(user.get_username())
            elif second_factor.remove(user, actor=actor_of(request), now=clock.now()):
                removed.append(user.get_username())
        if refused:
            words = "Another administrator does this for you, and a superuser for a superuser"
            self.message_user(request, f"{words}: {', '.join(refused)}.", messages.ERROR)
        names = ", ".join(removed) or "nobody"
        self.message_user(request, f"Second factor taken away: {names}. It is in the audit trail.")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Write down whose roles and sites somebody has set."""
        super().save_related(request, form, formsets, change)
        user = form.instance
        services.record_audit(
            action="access.staff_changed" if change else "access.staff_added",
            actor=actor_of(request),
            site_id=None,
            target_kind="auth.user",
            target_id=str(user.pk),
            detail={
                "fields": sorted(form.changed_data),
                "roles": sorted(user.groups.values_list("name", flat=True)),
                "sites": sorted(str(pk) for pk in user.works_on.values_list("site_id", flat=True)),
            },
            now=clock.now(),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Permissions come by roles."""
        fields = list(super().get_readonly_fields(request, obj))
        if request.user.is_superuser:
            return fields
        return [*fields, "is_superuser", "user_permissions"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A superuser's password would be a way to become one."""
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As for changing."""
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_delete_permission(request, obj)


def actor_of(request: HttpRequest) -> services.Actor:
    """Return who is signed in; None for nobody."""
    return request.user if request.user.is_authenticated else None
