"""The admin of accounts: form, token check, and the buttons that ask Vobiz."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from recordings import connect, tasks
from recordings.admin import account_panels, formatting
from recordings.admin.alerts import WebhooksMixin
from recordings.admin.base import WRITE, may, page, with_cure
from recordings.admin.sync_runs import sync_now
from recordings.archive import trial
from recordings.callbacks import processing
from recordings.encryption import encrypt
from recordings.forms import AccountForm, TokenTrial
from recordings.models import Account, Call, CallbackEvent, SyncRun
from recordings.provider import explain
from recordings.sync import SyncRequest
from recordings.vobiz.errors import RateLimitError, UnreachableError, VobizError
from recordings.vobiz.wire import InvalidIdError

NAME_LENGTH = 200
RECONCILE_SECONDS = 10.0  # seconds that a person waits for a reconcile
NEVER_DELETED = gettext_lazy(
    "The name people see in lists and filters. Accounts are never deleted: recordings and callbacks belong to them."
)
DEFAULTS = gettext_lazy(
    "Used by the Record button. Anyone can choose other values with “Record with options…”."
)


@admin.register(Account)
class AccountAdmin(WebhooksMixin):
    """Connect accounts, replace their tokens, see that they work."""

    form = AccountForm
    change_form_template = "admin/recordings/account/change_form.html"
    list_display = ("account", "switched", "token", "main_account", "signatures", "synced")
    list_display_links = ("account",)
    list_filter = ("is_active",)
    list_select_related = ("parent",)
    search_fields = ("auth_id",)
    search_help_text = gettext_lazy("Auth ID or name")
    empty_words = gettext_lazy("You have no account yet. Ask an administrator for one.")

    # The list

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Add when each was last synced completely, and whether its parent is the reader's to see."""
        complete = SyncRun.objects.complete().filter(account=OuterRef("pk")).order_by("-started_at")
        at = Subquery(complete.values("started_at")[:1])
        parent = Account.objects.visible_to(request.user).filter(pk=OuterRef("parent"))
        rows: QuerySet[Any] = super().get_queryset(request).annotate(synced_at=at, sees_parent=Exists(parent))
        return rows

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return how the first account gets here."""
        if not self.has_add_permission(request):
            return {}
        return {
            "empty_words": _("No account is connected yet. Connect one to see its calls and recordings."),
            "empty_verb": _("Connect account"),
            "empty_link": self.to_page("add"),
        }

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Search by Auth ID or name."""
        return queryset.filter(auth_id__icontains=term) | queryset.filter(name__icontains=term)

    @admin.display(description=gettext_lazy("account"))
    def account(self, account: Account) -> str:
        """Return the name and the Auth ID."""
        return formatting.plain(account)

    @admin.display(description=gettext_lazy("active"), ordering="is_active")
    def switched(self, account: Account) -> SafeString:
        """Return whether it is used at all."""
        if account.is_active:
            return formatting.badge("on", _("Active"), role="good")
        return formatting.badge("off", _("Inactive"), role="quiet")

    @admin.display(description=gettext_lazy("token"))
    def token(self, account: Account) -> SafeString:
        """Return its ending, which is all that is ever shown."""
        ending = account.token_ending
        words = format_html('<span class="portal-name">…{}</span>', ending) if ending else None
        return formatting.named(_("Auth token"), words or _("none that can be used"))

    @admin.display(description=gettext_lazy("callbacks"))
    def signatures(self, account: Account) -> SafeString:
        """Return whether unsigned ones are rejected."""
        words = _("signed only") if account.require_signed else _("signed and unsigned")
        return formatting.named(_("Callbacks"), words)

    @admin.display(description=gettext_lazy("parent account"))
    def main_account(self, account: Any) -> SafeString:
        """Return the main account of a sub-account, in the list."""
        words = self.parent_account(account)
        return (
            formatting.NOTHING if words == formatting.NONE else formatting.named(_("Parent account"), words)
        )

    @admin.display(description=gettext_lazy("parent account"))
    def parent_account(self, account: Any) -> str:
        """Return the main account of a sub-account."""
        return str(formatting.UNSEEN) if _has_unseen_parent(account) else formatting.words(account.parent)

    @admin.display(description=gettext_lazy("last complete sync"))
    def synced(self, account: Any) -> SafeString:
        """Return when the account was last synced completely."""
        return formatting.named(_("Last complete sync"), formatting.moment(account.synced_at))

    @admin.display(description=gettext_lazy("former token"))
    def former_token(self, account: Account) -> str | SafeString:
        """Return until when callbacks signed with it are accepted."""
        until = account.former_token_until
        if until is None:
            return _("none")
        if until <= timezone.now():
            return format_html("{} {}", _("no longer accepted since"), formatting.moment(until))
        return format_html("{} {}", _("accepted for callbacks until"), formatting.moment(until))

    # The form

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may connect an account, which takes its token."""
        return super().has_add_permission(request) and may(request, "change_token")

    def get_fieldsets(self, request: HttpRequest, obj: Account | None = None) -> Any:
        """Show the token to those who may change it, and the members once the account exists."""
        token: list[str] = []
        trunk: list[str] = []
        if may(request, "change_token") and (obj is None or self.has_change_permission(request, obj)):
            token = ["token", "save_unchecked"]
            token += ["keep_former_hours"] if obj is not None else []
            trunk += ["webhook_header", "webhook_secret"]
            trunk += ["forget_webhook_secret"] if obj is not None and obj.encrypted_webhook_secret else []
        token += ["former_token"] if obj is not None else []
        parent = "parent_account" if _has_unseen_parent(obj) else "parent"
        general = ["name", parent, "time_zone", "region", "is_active"]
        credentials = _(
            "Copy both from Vobiz's console. They are tested with Vobiz before anything is stored."
        )
        auth_id = [] if obj else [_section("credentials", _("Credentials"), ["auth_id", *token], credentials)]
        replaced = _("A new token of %s is tested with Vobiz before it replaces the current one.")
        stored = (
            [_section("token", _("Auth token"), token, replaced % formatting.account_label(obj))]
            if obj
            else []
        )
        return [
            *auth_id,
            _section("general", _("General"), general, obj and NEVER_DELETED),
            _section(
                "defaults",
                _("Recording defaults"),
                ["default_time_limit", "default_file_format", "default_channels", "default_transcribe",
                 "recorded_by_flow"],
                DEFAULTS,
            ),
            _section(
                "retention",
                _("Retention"),
                ["retention_days", "archive_automatically"],
                _("Vobiz deletes audio. The archive keeps our own copy."),
            ),
            *stored,
            _section("callbacks", _("Callbacks"), ["require_signed", *trunk], account_panels.CALLBACKS_WORDS),
            _section(
                "alerts", _("Alerts"), ["alert_addresses"],
                _("Who is told by e-mail when a problem begins, and when it is over. Members choose for themselves."),
            ),
            _section("members", _("Members"), ["members"], _("Who sees this account's calls and recordings.")),
        ]  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> tuple[str, ...]:
        """Lock the Auth ID of a stored account, and a parent the user may not see."""
        if obj is None:
            return ()
        return ("former_token", *(("parent_account",) if _has_unseen_parent(obj) else ()))

    # the flag among the positional arguments is handed on by name
    def get_form(  # type: ignore[override]
        self, request: HttpRequest, obj: Any | None = None, **kwargs: Any
    ) -> type[ModelForm[Any]]:
        """Return the form, told who looks and what Vobiz said to the token."""
        form: Any = super().get_form(request, obj, **kwargs)
        form.viewer = request.user
        form.trial = getattr(request, "token_trial", None)
        form.signed_words = account_panels.signed_words(obj, timezone.now()) if obj is not None else ""
        told: type[ModelForm[Any]] = form
        return told

    @method_decorator(sensitive_post_parameters("token", "webhook_secret"))
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Try a new token first: Django opens a transaction around the form, and Vobiz is never waited for in one."""
        if "_saveasnew" in request.POST:
            raise PermissionDenied
        if request.method == "POST" and request.POST.get("token"):
            self._check_token(request, object_id)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _check_token(self, request: HttpRequest, object_id: str | None) -> None:
        """Ask Vobiz, if this person may store the answer at all."""
        if not may(request, "change_token"):
            raise PermissionDenied
        if object_id is None:
            auth_id = request.POST.get("auth_id", "").strip() if self.has_add_permission(request) else None
        else:
            account: Any = self.get_object(request, object_id)
            allowed = account is not None and self.has_change_permission(request, account)
            auth_id = account.auth_id if allowed else None
        if auth_id:
            # kept for the form of this request
            request.token_trial = check_token(auth_id, request.POST["token"].strip())  # type: ignore[attr-defined]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Add the panels above the form."""
        if (account := kwargs.get("obj")) is not None:
            context |= account_panels.context(request, account, now=timezone.now())
            context["title"], context["subtitle"] = formatting.account_label(account), None
        else:
            context["title"] = _("Connect account")
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save only the changed fields: callbacks and live pages write to the same row meanwhile."""
        if change:
            # First of all locks, for a new region writes to every call; of the stored parent, not the form's.
            Account.objects.only("parent").get(pk=obj.pk).lock_family()
            columns = {field.name for field in obj._meta.concrete_fields} & set(form.changed_data)
            if columns:
                obj.save(update_fields=sorted(columns))
            if "region" in columns:
                Call.objects.filter(account=obj).update(numbers_version=0)  # the worker normalises them again
        else:
            obj.name = obj.name or (form.trial.name if form.trial else None)
            obj.save()
        if form.cleaned_data.get("token"):
            self._replace_token(request, obj, form)
        if form.cleaned_data.get("webhook_secret"):
            obj.set_webhook_secret(form.cleaned_data["webhook_secret"])
        elif form.cleaned_data.get("forget_webhook_secret"):
            obj.set_webhook_secret(None)
        if change and {"webhook_secret", "webhook_header", "require_signed"}.intersection(form.changed_data):
            obj.verify_refused_again(timezone.now())

    def _replace_token(self, request: HttpRequest, account: Account, form: Any) -> None:
        now = timezone.now()
        hours = form.cleaned_data.get("keep_former_hours") or 0
        account.set_token(form.cleaned_data["token"], now=now, keep_former=timedelta(hours=hours))
        if form.trial.unreached:
            words = _(
                "The token is stored, but not tested. Press “Test connection” when Vobiz can be reached."
            )
            self.message_user(request, words, messages.WARNING)
        refused = CallbackEvent.objects.filter(account=account).refused().count()
        if refused and form.instance.pk:
            words = ngettext(
                "%d callback of this account was rejected before.",
                "%d callbacks of this account were rejected before.",
                refused,
            ) % refused  # fmt: skip
            cure = _("Process rejected callbacks again")
            here = self.to_object(account, anchor="#rejected")
            self.message_user(
                request, format_html('{} <a href="{}">{}</a>', words, here, cure), messages.WARNING
            )

    def response_add(
        self, request: HttpRequest, obj: Account, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Begin the first sync, and lead to the account's page, which shows how it goes."""
        user: Any = request.user
        if obj.is_active:
            transaction.on_commit(lambda: tasks.sync_in_background(obj, SyncRequest(), by=user))
        words = _("%s is connected.") % formatting.plain(obj)
        self.message_user(request, words, messages.SUCCESS)
        may_look = self.has_view_permission(request)
        return HttpResponseRedirect(self.to_object(obj) if may_look else self.to_index())

    def response_change(self, request: HttpRequest, obj: Account) -> HttpResponse:
        """Say that it is saved, and stay on the account's page."""
        self.message_user(request, _("Changes saved."), messages.SUCCESS)
        return HttpResponseRedirect(self.to_object(obj))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        """Make the user who connected an account a member of it."""
        super().save_related(request, form, formsets, change)
        if not change and not request.user.is_superuser:
            form.instance.members.add(request.user)

    # Buttons

    @page("<path:object_id>/test/", name="test", permission="recordings.test_account", methods=WRITE)
    def test_connection(self, request: HttpRequest, account: Account) -> HttpResponse:
        """Ask Vobiz whether the stored token is good."""
        level = messages.SUCCESS
        try:
            answer = connect.check(account.auth_id, account.token)
        except VobizError as error:
            level, words = messages.ERROR, explain(error, account)
            if account.encrypted_token is None:
                words = _("No token is stored. Enter the token below.")
            log = _("Tested the connection: it failed.")
        else:
            log = _("Tested the connection: it works.")
            words = _("Vobiz accepts Auth ID %(auth_id)s with the token ending …%(ending)s.") % {
                "auth_id": account.masked_auth_id, "ending": account.token_ending,
            }  # fmt: skip
            if answer.name:
                words = " ".join([words, _("Its name there: %s") % formatting.plain(answer.name)])
        here = self.to_object(account)
        return self.conclude(request, account, words=words, log=log, to=here, level=level)

    @page("<path:object_id>/test-storage/", permission="recordings.test_storage", methods=WRITE)
    def test_storage(self, request: HttpRequest, account: Account) -> HttpResponse:
        """Try the archive's storage, which all accounts share."""
        tried = trial.try_storage()
        if tried.ok:
            level, log = messages.SUCCESS, _("Tested the archive's storage: it works.")
            words = (
                _("%s can keep recordings: a file was written, read back, compared and deleted.")
                % tried.place
            )
        else:
            level, log = messages.ERROR, _("Tested the archive's storage: it failed.")
            words = account_panels.trial_words(tried)
        here = self.to_object(account, anchor="#storage")
        return self.conclude(request, account, words=words, log=log, to=here, level=level)

    @page("<path:object_id>/sync/", permission="recordings.sync_now", methods=WRITE)
    def sync(self, request: HttpRequest, account: Account) -> HttpResponse:
        """Begin a sync and show its run."""
        return sync_now(self, request, account, otherwise=self.to_object(account))

    @page("<path:object_id>/process-refused/", permission="recordings.process_callbackevent", methods=WRITE)
    def process_refused(self, request: HttpRequest, account: Account) -> HttpResponse:
        """Verify every refused callback anew, under today's tokens and address."""
        before = CallbackEvent.objects.filter(account=account).refused().count()
        tried = processing.process_refused(account, now=timezone.now()).total()
        left = CallbackEvent.objects.filter(account=account).refused().count()
        counts = {"tried": tried, "cured": max(0, before - left), "left": left}
        words = ngettext(
            "%(tried)d rejected callback processed again: %(cured)d accepted, %(left)d still rejected.",
            "%(tried)d rejected callbacks processed again: %(cured)d accepted, %(left)d still rejected.",
            tried,
        ) % counts  # fmt: skip
        if tried < before:
            untried = _("%d more wait: press the button again.") % (before - tried)
            words = f"{words} {untried}"
        log = _("Processed %(tried)d rejected callbacks again: %(left)d are still rejected.") % counts
        level = messages.WARNING if left else messages.SUCCESS
        if left and account.lacks_signing_token:
            words = with_cure(request, account, " ".join([words, _("No token is stored.")]))
        here = self.to_object(account, anchor="#rejected")
        return self.conclude(request, account, words=words, log=log, to=here, level=level)

    @page("<path:object_id>/reconcile/", permission="recordings.reconcile_recording", methods=WRITE)
    def reconcile(self, request: HttpRequest, account: Account) -> HttpResponse:
        """Ask Vobiz about unfinished recordings now, as far as it goes in some seconds."""
        here = self.to_object(account)
        settled = tasks.reconcile_account(account, within=RECONCILE_SECONDS)
        log = _("Checked unfinished recordings.")
        if settled is None:
            words = _("The portal is checking this account's unfinished recordings already.")
            return self.conclude(request, account, words=words, log=log, to=here, level=messages.INFO)
        words = _("Unfinished recordings checked: %(settled)d finished, %(open)d still open.") % {
            "settled": settled.settled, "open": settled.open,
        }  # fmt: skip
        if account.cannot_sync:
            words = _("Not checked: no token is stored.")
            if not account.is_active:
                words = _("Not checked: the account is inactive.")
            words = with_cure(request, account, words)
        elif settled.error is not None:
            words = f"{words} {formatting.plain(settled.error)}"
        level = messages.SUCCESS if settled.error is None else messages.ERROR
        return self.conclude(request, account, words=words, log=log, to=here, level=level)

    @page("<path:object_id>/gap-seen/", permission="recordings.mark_seen", methods=WRITE)
    def gap_seen(self, request: HttpRequest, account: Account) -> HttpResponse:
        """Close the overview's line about callbacks that never came, until another one does not."""
        account.acknowledge_missing_callbacks(timezone.now())
        words = _("Marked as reviewed. The recordings still show that no callback was received.")
        log = _("Marked missing callbacks as reviewed.")
        return self.conclude(request, account, words=words, log=log, to=self.to_index())


def _section(anchor: str, title: str, fields: list[str], about: object) -> tuple[str, dict[str, Any]]:
    """Return one section of the form: its anchor stands in place of Django's classes."""
    return title, {"fields": fields, "classes": [anchor], "description": about}


def _has_unseen_parent(account: Any) -> bool:
    """Of an account as this admin reads it: it belongs to one that the reader does not."""
    return account is not None and account.parent_id is not None and not account.sees_parent


@sensitive_variables("token", "tried")
def check_token(auth_id: str, token: str) -> TokenTrial:
    """Return what Vobiz says to this token; its words name the Auth ID masked, and this token's ending."""
    tried = Account(auth_id=auth_id, encrypted_token=encrypt(token))
    try:
        answer = connect.check(auth_id, token)
    except InvalidIdError:
        return TokenTrial(refused=_("Vobiz was not asked, because that is no Auth ID."))
    except (UnreachableError, RateLimitError) as error:
        return TokenTrial(unreached=explain(error, tried))
    except VobizError as error:
        return TokenTrial(refused=explain(error, tried))
    return TokenTrial(name=(answer.name or "")[:NAME_LENGTH] or None)
