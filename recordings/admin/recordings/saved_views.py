"""Filters of the recordings' list under a name: the form that saves and renames them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.views.main import PAGE_VAR
from django.http import HttpRequest, QueryDict
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from recordings.admin.keyset import POSITIONS
from recordings.models import Account, SavedView

MOST_SAVED, LONGEST_QUERY = 50, 2_000


class SavedViewForm(forms.Form):
    """A name for the filters of the recordings' list; who changes an account may share them with all who see it."""

    name = forms.CharField(label=_("Name"), max_length=60)
    query = forms.CharField(required=False, widget=forms.HiddenInput, max_length=LONGEST_QUERY)
    account = forms.ModelChoiceField(
        Account.objects.none(),
        label=_("For"),
        required=False,
        empty_label=_("Me alone"),
    )

    def __init__(self, request: HttpRequest, data: Any = None) -> None:
        super().__init__(data, initial={"query": request.GET.urlencode()})
        self.user: Any = request.user
        shared: Any = self.fields["account"]
        shared.queryset = Account.objects.visible_to(self.user).order_by("name", "auth_id")
        if not request.user.has_perm("recordings.change_account"):
            del self.fields["account"]

    def clean_query(self) -> str:
        """Return the filters without the place in the list and without empty fields; there must be some."""
        sent = QueryDict(self.cleaned_data["query"]).items()
        kept = [(name, str(value)) for name, value in sent if value and name not in {*POSITIONS, PAGE_VAR}]
        if not kept:
            raise forms.ValidationError(_("The list has no filter. Choose some, then save the view."))
        return urlencode(kept)

    def clean_name(self) -> str:
        """Return a name that is none of the person's other views, of which there are at most MOST_SAVED."""
        name: str = self.cleaned_data["name"]
        views = SavedView.objects.filter(user_id=self.user.pk)
        if views.filter(name=name).exists():
            raise forms.ValidationError(_("You have a view of this name."))
        if views.count() >= MOST_SAVED:
            raise forms.ValidationError(_("You have %d views. Delete one first.") % MOST_SAVED)
        return name

    def store(self) -> SavedView:
        """Store the view."""
        data = self.cleaned_data
        return SavedView.objects.create(
            user=self.user, name=data["name"], query=data["query"], account=data.get("account")
        )

    def rename(self, view: SavedView, name: str) -> bool:
        """Give a view another name; False, with an error said, where it cannot have it."""
        name = name.strip()[:60]
        taken = SavedView.objects.filter(user_id=self.user.pk, name=name).exclude(pk=view.pk).exists()
        if not name or taken:
            return False
        SavedView.objects.filter(pk=view.pk).update(name=name)
        return True
