"""People and their roles: Django's own pages, with the roles' names in the reader's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from recordings.roles import label_of

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]  # generic for the type checker only
else:
    _UserAdmin = UserAdmin


class RoleFilter(admin.RelatedFieldListFilter):
    """People of one role."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        """Every role by its name as people read it."""
        return [(pk, label_of(str(name))) for pk, name in super().field_choices(field, request, model_admin)]


class PersonAdmin(_UserAdmin):
    """Superusers make users and give them roles. Whose calls they see is said on the accounts' pages."""

    list_filter = ("is_staff", "is_superuser", "is_active", ("groups", RoleFilter))

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """The roles on offer, as people read them."""
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None and db_field.name == "groups":
            field.label_from_instance = lambda group: label_of(group.name)
        return field


class RoleAdmin(GroupAdmin):
    """Roles are made by a migration once; superusers change them here."""

    list_display = ("role",)

    @admin.display(description=_("group"), ordering="name")
    def role(self, group: Group) -> str:
        """As people read it."""
        return label_of(group.name)


admin.site.unregister([User, Group])
admin.site.register(User, PersonAdmin)
admin.site.register(Group, RoleAdmin)
