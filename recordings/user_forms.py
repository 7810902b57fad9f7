"""The form for a person: name, e-mail address, roles as cards, accounts as choices."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from recordings.forms import KeysField
from recordings.models import Account
from recordings.roles import ABOUT, ROLES, label_of

ORDER = {role.name: at for at, role in enumerate(ROLES)}


class RoleField(KeysField):
    """Roles as people read them, each with a sentence."""

    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, obj: Any) -> str:
        """Return the role's name in the reader's language."""
        return label_of(obj.name)


class PersonForm(forms.ModelForm[User]):
    """A person who signs in. A new one has no password: they set it themselves through a one-time link."""

    email = forms.EmailField(label=_("E-mail"), required=False)
    groups = RoleField(label=_("Roles"), queryset=Group.objects.order_by("pk"), required=False)
    accounts = KeysField(
        label=_("Accounts"),
        queryset=Account.objects.order_by("name", "auth_id"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    user_permissions = KeysField(
        label=_("Individual permissions"),
        queryset=Permission.objects.filter(content_type__app_label="recordings").order_by("codename"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = User
        fields = (
            "username", "first_name", "last_name", "email", "is_active", "groups", "is_staff", "is_superuser",
            "user_permissions",
        )  # fmt: skip
        labels = {
            "username": _("User name"),
            "is_active": _("Active"),
            "is_staff": _("May log in to the portal"),
            "is_superuser": _("Superuser"),
        }
        error_messages = {"username": {"unique": _("Another person has this user name.")}}
        help_texts = {
            "username": _("Letters, digits and @ . + - _ only."),
            "is_active": _("An inactive person cannot log in. Their history stays."),
            "is_staff": "",
            "is_superuser": _("Sees every account, may do everything, and manages users."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            self.initial.setdefault("is_staff", True)
        elif "accounts" in self.fields:
            offered: Any = self.fields["accounts"]
            self.initial["accounts"] = offered.queryset.filter(members=self.instance)

    def clean(self) -> dict[str, Any]:
        """Keep the last superuser able to sign in."""
        cleaned: dict[str, Any] = super().clean() or {}
        keeps = cleaned.get("is_superuser") and cleaned.get("is_active") and cleaned.get("is_staff")
        if self.instance.pk and self.instance.is_superuser and not keeps:
            others = User.objects.filter(is_superuser=True, is_active=True, is_staff=True)
            if not others.exclude(pk=self.instance.pk).exists():
                raise ValidationError(
                    _("This is the only active superuser. Make another person a superuser first.")
                )
        return cleaned

    def _save_m2m(self) -> None:
        super()._save_m2m()  # type: ignore[misc]  # Django documents it for such forms; the stubs lack it
        if "accounts" in self.cleaned_data:
            offered: Any = self.fields["accounts"]
            others = self.instance.vobiz_accounts.exclude(pk__in=offered.queryset.order_by().values("pk"))
            self.instance.vobiz_accounts.set([*self.cleaned_data["accounts"], *others])

    def role_cards(self) -> list[dict[str, Any]]:
        """Return for each role its checkbox, its name and what it lets a person do, the preset ones in their order."""
        chosen = {str(value) for value in self["groups"].value() or []}
        groups = sorted(Group.objects.all(), key=lambda one: (ORDER.get(one.name, len(ORDER)), one.name))
        return [
            {
                "value": group.pk,
                "name": label_of(group.name),
                "about": ABOUT.get(group.name, _("A role made here.")),
                "checked": str(group.pk) in chosen,
            }
            for group in groups
        ]
