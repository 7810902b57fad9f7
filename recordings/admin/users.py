"""People and their roles: Django's own pages, with the roles' names in the reader's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext_lazy as _

from recordings.admin import columns, formatting
from recordings.admin.base import without_empty_filters
from recordings.models import AccessEvent
from recordings.roles import label_of

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]  # generic for the type checker only
else:
    _UserAdmin = UserAdmin


# One box for each: Django's two lists side by side need a script, and name their buttons to nobody who cannot see.
BOXES = forms.CheckboxSelectMultiple


HISTORY_WORDS = gettext_lazy(
    "What %(who)s did here. People with history are switched off, not deleted, so that what they did stays known: "
    "untick Active on their page."
)


class RoleFilter(admin.RelatedFieldListFilter):
    """People of one role."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        """Return every role by its name as people read it."""
        return [(pk, label_of(str(name))) for pk, name in super().field_choices(field, request, model_admin)]


class PlainList(ChangeList):
    """A list under the plain name of what it lists, as the portal's own."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        if not self.is_popup:
            self.title = str(capfirst(self.opts.verbose_name_plural))


class PortalUserAdmin(_UserAdmin):
    """Superusers make users and give them roles. Whose calls they see is said on the accounts' pages."""

    list_display = ("username", "full_name", "email_shown", "roles", "admitted")
    list_filter = ("is_staff", "is_superuser", "is_active", ("groups", RoleFilter))
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    show_facets = admin.ShowFacets.NEVER

    @property
    def media(self) -> forms.Media:
        """No scripts but those of the frame."""
        return forms.Media()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list; a panel of filters sends empty fields, which an address does not keep."""
        return without_empty_filters(request) or super().changelist_view(request, extra_context)

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[ChangeList]:
        """Under its plain name, as the other lists."""
        return PlainList

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Add their roles."""
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=_("name"))
    def full_name(self, user: User) -> str | SafeString:
        """As they are called, where somebody said."""
        return user.get_full_name() or columns.NOTHING

    @admin.display(description=_("email address"))
    def email_shown(self, user: User) -> str | SafeString:
        """Return where they are reached, where somebody said."""
        return user.email or columns.NOTHING

    @admin.display(description=_("roles"))
    def roles(self, user: User) -> str | SafeString:
        """Return what they may do."""
        names = [str(_("superuser"))] if user.is_superuser else []
        names += [label_of(group.name) for group in user.groups.all()]
        return ", ".join(names) or columns.NOTHING

    @admin.display(description=_("may sign in"))
    def admitted(self, user: User) -> str:
        """Return whether the user may sign in: inactive or non-staff users see no page."""
        if not user.is_active:
            return formatting.badge("off", gettext("switched off"), role="quiet")
        if not user.is_staff:
            return formatting.badge("outside", gettext("not on the staff"), role="quiet")
        return formatting.badge("staff", gettext("yes"), role="good")

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Return the roles on offer, as people read them."""
        field: Any = super().formfield_for_manytomany(db_field, request, widget=BOXES, **kwargs)
        if field is not None and db_field.name == "groups":
            field.label_from_instance = lambda group: label_of(group.name)
        return field

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Return what Django asks before it deletes anybody: those who did something here are not deleted."""
        to_delete, counts, lacking, protected = super().get_deleted_objects(objs, request)
        words = [HISTORY_WORDS % {"who": user.get_username()} for user in objs if has_history(user)]
        # What is protected is not deleted by anybody, so it does not matter what the reader may delete.
        stays = words or protected
        return to_delete, counts, set() if stays else lacking, stays


def has_history(user: User) -> bool:
    """Return whether the user heard, read or exported something, or something was done in their name."""
    accesses = AccessEvent.objects.filter(user_pk=user.pk)
    return accesses.exists() or LogEntry.objects.filter(user=user).exists()


class RoleAdmin(GroupAdmin):
    """Roles are made by a migration once; superusers change them here."""

    list_display = ("role",)
    filter_horizontal = ()

    @property
    def media(self) -> forms.Media:
        """No scripts but those of the frame."""
        return forms.Media()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list; a panel of filters sends empty fields, which an address does not keep."""
        return without_empty_filters(request) or super().changelist_view(request, extra_context)

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[ChangeList]:
        """Under its plain name, as the other lists."""
        return PlainList

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        """Return the permissions on offer."""
        return super().formfield_for_manytomany(db_field, request, widget=BOXES, **kwargs)

    @admin.display(description=_("group"), ordering="name")
    def role(self, group: Group) -> str:
        """As people read it."""
        return label_of(group.name)


admin.site.unregister([User, Group])
admin.site.register(User, PortalUserAdmin)
admin.site.register(Group, RoleAdmin)
