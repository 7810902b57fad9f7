"""What people type in: an account with its token, a start, and what they were shown when they confirmed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from phonenumbers import SUPPORTED_REGIONS

from recordings.choices import MAX_TIME_LIMIT, Channels, FileFormat
from recordings.clock import find_zone, zone_offsets
from recordings.control import StartOptions
from recordings.models import Account
from recordings.vobiz.wire import one_line

FORMER_HOURS, MOST_FORMER_HOURS = 24, 720
LIMITS = (15 * 60, 3_600, 4 * 3_600, MAX_TIME_LIMIT)
OTHER = "other"
PRIMARY_KEY = re.compile(r"\d{1,18}", re.ASCII)
PRIMARY_KEYS = r"\A(?:[0-9]{1,18}(?:,[0-9]{1,18})*)?\Z"
MOST_TRANSCRIBED = 4 * 3_600  # seconds; Vobiz transcribes nothing longer
SPAN = re.compile(
    r"(?:(?P<hours>\d{1,2}(?:[.,]\d{1,2})?)\s*h[a-z]*)?\s*(?:(?P<minutes>\d{1,4})\s*m[a-z]*)?\s*"
    r"(?:(?P<seconds>\d{1,5})\s*s[a-z]*)?",
    re.ASCII | re.IGNORECASE,
)


BARE = re.compile(r"\d{1,4}", re.ASCII)


def is_key(value: str | None) -> TypeGuard[str]:
    """Return whether this may be a row's primary key: digits, and no more of them than the databases take.

    Anybody who is logged in may send anything in its place.
    """
    return value is not None and PRIMARY_KEY.fullmatch(value) is not None


def keys_among(texts: Iterable[str]) -> list[int]:
    """Return the primary keys among what was sent; what is none is left out."""
    return [int(text) for text in texts if is_key(text)]


class KeysField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # generic in the stubs alone
    """Rows to choose; what is no primary key is no choice, where Django's own fails on more digits than fit."""

    def clean(self, value: Any) -> Any:
        """Return the chosen rows."""
        for key in value or ():
            if not is_key(str(key)):
                raise forms.ValidationError(self.error_messages["invalid_pk_value"], params={"pk": key})
        return super().clean(value)


def parse_span(text: str) -> int:
    """Return `90 s`, `15 min` or `1 h 30 min` in seconds; a number without unit is minutes, as the fields say."""
    if BARE.fullmatch(text.strip()):
        return int(text) * 60
    found = SPAN.fullmatch(text.strip())
    if not found or not any(found.groups()):
        raise forms.ValidationError(_("Enter minutes, or a time with its unit: 25, 90 s or 1 h 30 min."))
    hours = float((found["hours"] or "0").replace(",", "."))
    return round(hours * 3_600) + int(found["minutes"] or 0) * 60 + int(found["seconds"] or 0)


class SpanField(forms.Field):
    """Seconds, read and written as people say them: `4 h`, `1 h 30 min`."""

    def prepare_value(self, value: Any) -> Any:
        """Return the text shown in the box."""
        return span(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> Any:
        """Return the time in seconds."""
        text = str(value or "").strip()
        if not text:
            return None
        seconds = parse_span(text)
        if seconds > MAX_TIME_LIMIT:
            words = {"time": span(seconds), "most": span(MAX_TIME_LIMIT)}
            raise forms.ValidationError(_("%(time)s is too long. Enter at most %(most)s.") % words)
        if seconds < 1:
            raise forms.ValidationError(_("0 s is too short. Enter at least 1 s."))
        return seconds

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Return whether the time differs, whatever its spelling."""
        try:
            return bool(self.to_python(data) != initial)
        except forms.ValidationError:
            return True


class ZoneInput(forms.TextInput):
    """A box for a time zone: what is typed narrows a list of all zones with their offsets, without a script."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Name the list that `render` adds."""
        context = super().get_context(name, value, attrs)
        context["widget"]["attrs"] |= {"list": f"{name}-zones", "autocomplete": "off", "spellcheck": "false"}
        return context

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        """Return the box and its list."""
        zones = zone_offsets(timezone.now().date())
        options = format_html_join("", '<option value="{0}">{0} ({1})</option>', zones)
        box = super().render(name, value, attrs, renderer)
        return format_html('{}<datalist id="{}-zones">{}</datalist>', box, name, options)


class ZoneField(forms.CharField):
    """A time zone by its name, or by a city that names but one."""

    widget = ZoneInput

    def to_python(self, value: Any) -> str:
        """Return the zone's name; empty where nothing was typed."""
        text = str(value or "").strip()
        if not text:
            return ""
        zone = find_zone(text)
        if zone is None:
            raise forms.ValidationError(
                _("No such time zone. Type a city and choose from the list, for example Asia/Kolkata.")
            )
        return zone


def span(seconds: int) -> str:
    """Return `4 h`, `15 min`, `1 h 30 min`; 90 s is `1 min 30 s`."""
    hours, rest = divmod(seconds, 3_600)
    minutes, rest = divmod(rest, 60)
    parts = [(hours, _("%d h")), (minutes, _("%d min")), (rest, _("%d s"))]
    return " ".join(form % count for count, form in parts if count) or _("%d s") % 0


@dataclass(frozen=True, slots=True)
class TokenTrial:
    """What Vobiz said to a token before it was stored.

    `refused`: it said no, and the words why. `unreached`: it could not be asked. `name`: what it calls the account.
    """

    refused: str | None = None
    unreached: str | None = None
    name: str | None = None


if TYPE_CHECKING:
    _AccountForm = forms.ModelForm[Account]  # generic for the type checker only
else:
    _AccountForm = forms.ModelForm


class AccountForm(_AccountForm):
    """An account. Its token goes in and never comes out again."""

    token = forms.CharField(
        label=gettext_lazy("Auth token"),
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"}),
    )
    webhook_secret = forms.CharField(
        label=gettext_lazy("Secret of trunk webhooks"),
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"}),
    )
    forget_webhook_secret = forms.BooleanField(label=gettext_lazy("Remove the stored secret"), required=False)
    default_time_limit = SpanField(
        label=gettext_lazy("Time limit"),
        initial=Account._meta.get_field("default_time_limit").default,
        widget=forms.TextInput(attrs={"class": "vTextField", "maxlength": 40}),
        help_text=gettext_lazy("For example 15 min or 4 h, at most 8 h. A number alone is minutes."),
    )
    save_unchecked = forms.BooleanField(
        label=gettext_lazy("Save without testing"),
        required=False,
        help_text=gettext_lazy(
            "Use only if Vobiz cannot be reached. A token that Vobiz refuses is never stored."
        ),
    )
    keep_former_hours = forms.IntegerField(
        label=gettext_lazy("Accept the old token in callbacks for"),
        initial=FORMER_HOURS,
        min_value=0,
        max_value=MOST_FORMER_HOURS,
        help_text=gettext_lazy("Hours, for example 24. 0: stop now."),
    )

    viewer: User | AnonymousUser = AnonymousUser()
    trial: TokenTrial | None = None
    signed_words = ""

    class Meta:
        model = Account
        fields = ()  # those of AccountAdmin.get_fieldsets
        widgets = {
            "members": forms.CheckboxSelectMultiple,
            "alert_addresses": forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"}),
        }
        labels = {
            "default_file_format": gettext_lazy("Format"),
            "default_channels": gettext_lazy("Channels"),
            "default_transcribe": gettext_lazy("Create a transcript of each recording"),
            "retention_days": gettext_lazy("Vobiz deletes audio after"),
            "archive_automatically": gettext_lazy("Archive every recording automatically"),
            "time_zone": gettext_lazy("Time zone of this account"),
        }
        help_texts = {
            "name": gettext_lazy("Empty: the name that Vobiz has."),
            "retention_days": gettext_lazy("Days, as your account at Vobiz has it. For example 30."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        if not self.viewer.has_perm("recordings.change_token"):
            for name in (
                "token",
                "save_unchecked",
                "keep_former_hours",
                "webhook_secret",
                "forget_webhook_secret",
            ):
                self.fields.pop(name, None)
        if self.instance.pk is None:
            self.fields.pop("keep_former_hours", None)
        self._offer_parents()
        self._offer_members()
        self._offer_zones()
        self._word_token()
        self._word_signed()
        self._word_webhook_secret()

    def _offer_parents(self) -> None:
        """Offer the main accounts that the person sees, and the present one."""
        if "parent" not in self.fields:
            return
        seen = Account.objects.visible_to(self.viewer).filter(parent=None).exclude(pk=self.instance.pk)
        self.fields["parent"].queryset = seen  # type: ignore[attr-defined]
        self.fields["parent"].label_from_instance = _account  # type: ignore[attr-defined]
        _without_links(self.fields["parent"].widget)

    def _offer_members(self) -> None:
        """Limit the choices to active staff and current members."""
        if "members" not in self.fields:
            return
        staff = Q(is_active=True, is_staff=True)
        if self.instance.pk:
            staff |= Q(pk__in=self.instance.members.values("pk"))
        field = self.fields["members"]
        field.queryset = User.objects.filter(staff).order_by("username")  # type: ignore[attr-defined]
        field.label_from_instance = _person  # type: ignore[attr-defined]
        field.widget = forms.CheckboxSelectMultiple(choices=field.choices)  # type: ignore[attr-defined]

    def _word_signed(self) -> None:
        if "require_signed" in self.fields and self.signed_words:
            field = self.fields["require_signed"]
            field.help_text = f"{field.help_text} {self.signed_words}"

    def _offer_zones(self) -> None:
        if "time_zone" in self.fields:
            words = _("Type a city, for example Kolkata, and choose from the list.")
            model_field = self.fields["time_zone"]
            label, initial = model_field.label, model_field.initial
            self.fields["time_zone"] = ZoneField(label=label, initial=initial, max_length=64, help_text=words)
        if "region" in self.fields:
            default = _("%s (the portal's)") % settings.DEFAULT_REGION
            regions = [(name, name) for name in sorted(SUPPORTED_REGIONS)]
            self.fields["region"].widget = forms.Select(choices=[("", default), *regions])

    def _word_token(self) -> None:
        """Say which token is stored, by its ending."""
        if "token" not in self.fields:
            return
        field = self.fields["token"]
        if self.instance.pk is None:
            field.help_text = _("Encrypted, and never shown again.")
            return
        ending = self.instance.token_ending
        if ending:
            field.help_text = _("Leave empty to keep the one that ends in …%s.") % ending
        else:
            field.help_text = _("The account has no token that can be used.")

    def _word_webhook_secret(self) -> None:
        """Say whether a secret is stored, and offer to remove it only then."""
        if "webhook_secret" not in self.fields:
            return
        is_stored = self.instance.encrypted_webhook_secret is not None
        if not is_stored:
            del self.fields["forget_webhook_secret"]
        self.fields["webhook_secret"].help_text = (
            _("One is stored. Leave empty to keep it.")
            if is_stored
            else _("From the trunk in Vobiz's console, for webhooks sent to this account's callback address.")
        )

    def clean(self) -> dict[str, Any]:
        """Accept a token that Vobiz accepts, or unchecked if Vobiz cannot be reached and the user says so."""
        cleaned = super().clean() or self.cleaned_data
        if "token" not in self.fields:
            return cleaned
        if not cleaned.get("token"):
            if self.instance.pk is None and "token" not in self.errors:
                self.add_error("token", _("An account needs its token."))
            return cleaned
        if self.trial is None:
            self.add_error("token", _("The token was not tested. Send the form again."))
        elif self.trial.refused:
            kept = _("Nothing was stored.") if self.instance.pk is None else _("The old token stays in use.")
            self.add_error("token", f"{self.trial.refused} {kept}")
        elif self.trial.unreached and not cleaned.get("save_unchecked"):
            cure = _("To store it anyway, enter it again and tick “Save without testing”.")
            self.add_error("token", f"{self.trial.unreached} {cure}")
        return cleaned


def _without_links(widget: Any) -> None:
    """No buttons beside the field that make or change what it points at."""
    for name in ("can_add_related", "can_change_related", "can_delete_related", "can_view_related"):
        if hasattr(widget, name):
            setattr(widget, name, False)


def _account(account: Account) -> str:
    """Return `Lotus Parcels (MA_…)` on one line, whatever characters Vobiz has in the name."""
    return one_line(str(account))


def _person(user: User) -> str:
    """Return `Asha Rao (asha)`."""
    name = user.get_full_name()
    return f"{name} ({user.get_username()})" if name else user.get_username()


class StartForm(forms.Form):
    """What a recording is to be. `cut_words` says of a limit when it would stop.

    `asks_first`: a call flow may be recording the call already, so the person says that they know.
    """

    intent = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    running = forms.RegexField(PRIMARY_KEYS, required=False, widget=forms.HiddenInput)
    limit = forms.ChoiceField(label=gettext_lazy("Stop after"), widget=forms.RadioSelect)
    other_limit = SpanField(
        label=gettext_lazy("Time limit in minutes"),
        required=False,
        widget=forms.TextInput(attrs={"maxlength": 40, "placeholder": gettext_lazy("25")}),
        help_text=gettext_lazy("Or with its unit: 90 s, 1 h 30 min. At most 8 h."),
    )
    file_format = forms.ChoiceField(
        label=gettext_lazy("Format"), choices=FileFormat.choices, widget=forms.RadioSelect
    )
    channels = forms.ChoiceField(
        label=gettext_lazy("Channels"), choices=Channels.choices, widget=forms.RadioSelect
    )
    transcribe = forms.BooleanField(label=gettext_lazy("Create a transcript"), required=False)
    despite_flow = forms.BooleanField(
        label=gettext_lazy("Record it all the same, a second time if need be"),
        error_messages={"required": gettext_lazy("Tick this to record it all the same.")},
    )

    def __init__(
        self,
        data: Any = None,
        *,
        defaults: StartOptions,
        may_transcribe: bool,
        cut_words: Callable[[int], str],
        asks_first: bool = False,
    ) -> None:
        super().__init__(
            data,
            initial={
                "limit": str(defaults.time_limit),
                "file_format": defaults.file_format,
                "channels": defaults.channels,
                "transcribe": defaults.transcribe and may_transcribe,
            },
        )
        if not asks_first:
            del self.fields["despite_flow"]
        chosen = [(str(limit), cut_words(limit)) for limit in sorted({*LIMITS, defaults.time_limit})]
        other = format_html("<span>{}</span><small>{}</small>", _("Other"), _("such as 10 min"))
        self.fields["limit"].choices = [*chosen, (OTHER, other)]  # type: ignore[attr-defined]
        transcribe = self.fields["transcribe"]
        transcribe.disabled = not may_transcribe
        transcribe.help_text = (
            _("English only, up to 4 h. Choose MP3: WAV files may be too large to transcribe.")
            if may_transcribe
            else _("Not possible here: Vobiz cannot call this portal, so no transcript could arrive.")
        )

    def clean(self) -> dict[str, Any]:
        """Return the time limit in seconds, as `time_limit`."""
        cleaned = super().clean() or self.cleaned_data
        limit = cleaned.get("limit")
        if limit == OTHER and "other_limit" not in self.errors:
            if cleaned.get("other_limit") is None:
                self.add_error(
                    "other_limit", _("Enter minutes, or a time with its unit: 25, 90 s or 1 h 30 min.")
                )
            cleaned["time_limit"] = cleaned.get("other_limit")
        elif limit and limit != OTHER:
            cleaned["time_limit"] = int(limit)
        return cleaned

    def shown(self) -> frozenset[int]:
        """Return the primary keys of the recordings that ran when the form was shown; of a valid form."""
        return frozenset(keys_among(self.cleaned_data["running"].split(",")))

    def options(self) -> StartOptions:
        """Return what to ask of Vobiz; of a valid form."""
        return StartOptions(
            time_limit=self.cleaned_data["time_limit"],
            file_format=self.cleaned_data["file_format"],
            channels=self.cleaned_data["channels"],
            transcribe=self.cleaned_data["transcribe"],
        )

    def too_long_to_transcribe(self) -> bool:
        """Return whether the recording may become too long for Vobiz to transcribe."""
        return bool(self.cleaned_data["transcribe"]) and self.cleaned_data["time_limit"] > MOST_TRANSCRIBED


class StopAllForm(forms.Form):
    """The recordings somebody was shown when they confirmed, by their primary keys."""

    expected = forms.RegexField(PRIMARY_KEYS, required=False, widget=forms.HiddenInput)

    def shown(self) -> frozenset[int]:
        """Return the primary keys; of a valid form."""
        return frozenset(keys_among(self.cleaned_data["expected"].split(",")))


class SyncForm(forms.Form):
    """Which account to sync."""

    account = forms.ModelChoiceField(Account.objects.none(), label=gettext_lazy("Account"), empty_label=None)

    def __init__(self, data: Any = None, *, viewer: User | AnonymousUser) -> None:
        super().__init__(data, auto_id="sync_%s")
        accounts = Account.objects.visible_to(viewer).active()
        self.fields["account"].queryset = accounts  # type: ignore[attr-defined]
        self.fields["account"].label_from_instance = _account  # type: ignore[attr-defined]
