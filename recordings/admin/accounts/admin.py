"""The admin of accounts: form, token check, and the buttons that ask Vobiz."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from recordings import connect, tasks
from recordings.admin import columns, formatting
from recordings.admin.accounts import panels
from recordings.admin.base import WRITE, PortalAdmin, may, page
from recordings.admin.sync_runs import sync_now
from recordings.archive import trial
from recordings.callbacks import processing
from recordings.encryption import encrypt
from recordings.forms import AccountForm, TokenTrial
from recordings.models import Account, Call, CallbackEvent, SyncRun
from recordings.provider import explain
from recordings.vobiz.errors import RateLimitError, UnreachableError, VobizError
from recordings.vobiz.wire import InvalidIdError

NAME_LENGTH = 200
RECONCILE_SECONDS = 10.0  # seconds that a person waits for a reconcile
NEVER_DELETED = gettext_lazy(
    "Accounts are never deleted, because their recordings and callbacks belong to them. Switch one off instead."
)
NONE_CONNECTED = gettext_lazy("No account is connected yet. Connect one to see its calls and recordings.")
NONE_SEEN = gettext_lazy(
    "You have not been given an account yet. Whoever runs this portal connects accounts and gives them."
)


@admin.register(Account)
class AccountAdmin(PortalAdmin):
    """Connect accounts, replace their tokens, see that they work."""

    form = AccountForm
    change_list_template = "admin/recordings/worded_list.html"
    change_form_template = "admin/recordings/account/change_form.html"
    list_display = ("account", "switched", "token", "main_account", "signatures", "synced")
    list_display_links = ("account",)
    list_filter = ("is_active",)
    list_select_related = ("parent",)
    search_fields = ("auth_id",)
    search_help_text = gettext_lazy("Auth ID or name")

    # The list

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Add when each was last synced completely, and whether its parent is the reader's to see."""
        complete = SyncRun.objects.complete().filter(account=OuterRef("pk")).order_by("-started_at")
        at = Subquery(complete.values("started_at")[:1])
        parent = Account.objects.visible_to(request.user).filter(pk=OuterRef("parent"))
        rows: QuerySet[Any] = super().get_queryset(request).annotate(synced_at=at, sees_parent=Exists(parent))
        return rows

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Add how the first account gets here."""
        said: dict[str, Any] = {"empty_words": NONE_SEEN}
        if self.has_add_permission(request):
            said = {"empty_words": NONE_CONNECTED, "empty_verb": _("Connect an account")}
            said["empty_link"] = self.to_page("add")
        return super().changelist_view(request, {**said, **(extra_context or {})})

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Search by Auth ID or name."""
        return queryset.filter(auth_id__icontains=term) | queryset.filter(name__icontains=term)

    @admin.display(description=gettext_lazy("account"))
    def account(self, account: Account) -> SafeString:
        """Return the name and the Auth ID."""
        return format_html("{}", formatting.plain(account))

    @admin.display(description=gettext_lazy("active"), ordering="is_active")
    def switched(self, account: Account) -> SafeString:
        """Return whether it is used at all."""
        if account.is_active:
            return format_html("{}", formatting.badge("on", _("on"), role="good"))
        return format_html("{}", formatting.badge("off", _("Inactive"), role="quiet"))

    @admin.display(description=gettext_lazy("token"))
    def token(self, account: Account) -> SafeString:
        """Return its ending, which is all that is ever shown."""
        ending = account.token_ending
        words = format_html('<span class="portal-name">…{}</span>', ending) if ending else None
        return columns.named(_("Token"), words or _("none that can be used"))

    @admin.display(description=gettext_lazy("signed callbacks"))
    def signatures(self, account: Account) -> SafeString:
        """Return whether unsigned ones are refused."""
        words = _("required") if account.require_signed else _("not required")
        return columns.named(_("Signed callbacks"), words)

    @admin.display(description=gettext_lazy("parent account"))
    def main_account(self, account: Any) -> SafeString:
        """Return the main account of a sub-account, in the list."""
        words = self.parent_account(account)
        return columns.NOTHING if words == formatting.NONE else columns.named(_("Parent account"), words)

    @admin.display(description=gettext_lazy("parent account"))
    def parent_account(self, account: Any) -> str:
        """Return the main account of a sub-account."""
        return str(formatting.UNSEEN) if _has_unseen_parent(account) else formatting.words(account.parent)

    @admin.display(description=gettext_lazy("last complete sync"))
    def synced(self, account: Any) -> SafeString:
        """Return when the account was last synced completely."""
        return columns.named(_("Last complete sync"), formatting.moment(account.synced_at))

    @admin.display(description=gettext_lazy("former token"))
    def former_token(self, account: Account) -> str | SafeString:
        """Return until when callbacks signed with it are accepted."""
        until = account.former_token_until
        if until is None:
            return _("none is accepted")
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
        if may(request, "change_token") and (obj is None or self.has_change_permission(request, obj)):
            token = ["token", "save_unchecked"]
            token += ["keep_former_hours"] if obj is not None else []
        token += ["former_token"] if obj is not None else []
        defaults = ["default_time_limit", "default_file_format", "default_channels", "default_transcribe"]
        parent = "parent_account" if _has_unseen_parent(obj) else "parent"
        return [
            (
                None,
                {"fields": ["auth_id", "name", parent, "is_active"], "description": obj and NEVER_DELETED},
            ),
            (_("Token"), {"fields": token}),
            (_("Callbacks"), {"fields": ["require_signed"]}),
            (_("New recordings"), {"fields": [*defaults, "recorded_by_flow"]}),
            (_("At Vobiz"), {"fields": ["retention_days", "archive_automatically", "time_zone", "region"]}),
            (_("Members"), {"fields": ["members"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> tuple[str, ...]:
        """Lock the Auth ID of a stored account, and a parent the user may not see."""
        if obj is None:
            return ()
        return ("auth_id", "former_token", *(("parent_account",) if _has_unseen_parent(obj) else ()))

    # the flag among the positional arguments is handed on by name
    def get_form(  # type: ignore[override]
        self, request: HttpRequest, obj: Any | None = None, **kwargs: Any
    ) -> type[ModelForm[Any]]:
        """Return the form, told who looks and what Vobiz said to the token."""
        form: Any = super().get_form(request, obj, **kwargs)
        form.viewer = request.user
        form.trial = token_check_of(request)
        form.signed_words = panels.signed_words(obj, timezone.now()) if obj is not None else ""
        told: type[ModelForm[Any]] = form
        return told

    @method_decorator(sensitive_post_parameters("token"))
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
            hold_token_check(request, auth_id, request.POST["token"].strip())

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Add the panels above the form."""
        if (account := kwargs.get("obj")) is not None:
            context |= panels.context(request, account, now=timezone.now())
            context["subtitle"] = formatting.plain(account)
        else:
            context["title"] = _("Connect an account")
        context["show_save_and_add_another"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save only the changed fields: callbacks and live pages write to the same row meanwhile."""
        if change:
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

    def _replace_token(self, request: HttpRequest, account: Account, form: Any) -> None:
        now = timezone.now()
        hours = form.cleaned_data.get("keep_former_hours") or 0
        account.set_token(form.cleaned_data["token"], now=now, keep_former=timedelta(hours=hours))
        if form.trial.unreached:
            words = _("The token was stored unchecked: press “Test connection” when Vobiz can be reached.")
            self.message_user(request, words, messages.WARNING)
        refused = CallbackEvent.objects.filter(account=account).refused().count()
        if refused and form.instance.pk:
            words = ngettext(
                "%d callback of this account was refused before.", "%d callbacks of this account were refused before.",
                refused,
            ) % refused  # fmt: skip
            cure = _("Process all refused again")
            here = self.to_object(account, anchor="#refused")
            self.message_user(
                request, format_html('{} <a href="{}">{}</a>', words, here, cure), messages.WARNING
            )

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
            log = _("Tested the connection: it failed.")
        else:
            log = _("Tested the connection: it works.")
            words = _("Vobiz accepts Auth ID %(auth_id)s with the token ending …%(ending)s.") % {
                "auth_id": account.masked_auth_id, "ending": account.token_ending,
            }  # fmt: skip
            if answer.name:
                words = " ".join([words, _("Its name there: %s") % formatting.plain(answer.name)])
        here = self.to_object(account, anchor="#connection")
        return self.conclude(request, account, words=words, log=log, to=here, level=level)

    @page(
        "<path:object_id>/test-storage/",
        name="test_storage",
        permission="recordings.test_storage",
        methods=WRITE,
    )
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
            words = panels.trial_words(tried)
        here = self.to_object(account, anchor="#storage")
        return self.conclude(request, account, words=words, log=log, to=here, level=level)

    @page("<path:object_id>/sync/", name="sync", permission="recordings.sync_now", methods=WRITE)
    def sync(self, request: HttpRequest, account: Account) -> HttpResponse:
        """Begin a sync and show its run."""
        return sync_now(self, request, account, otherwise=self.to_object(account))

    @page(
        "<path:object_id>/process-refused/",
        name="process_refused",
        permission="recordings.process_callbackevent",
        methods=WRITE,
    )
    def process_refused(self, request: HttpRequest, account: Account) -> HttpResponse:
        """Verify every refused callback anew, under today's tokens and address."""
        before = CallbackEvent.objects.filter(account=account).refused().count()
        tried = processing.process_refused(account, now=timezone.now()).total()
        left = CallbackEvent.objects.filter(account=account).refused().count()
        words = _("Refused callbacks processed again: %(tried)d. Taken now: %(cured)d. Still refused: %(left)d.") % {
            "tried": tried, "cured": max(0, before - left), "left": left,
        }  # fmt: skip
        if tried < before:
            untried = _("%d were not tried yet: press the button again.") % (before - tried)
            words = f"{words} {untried}"
        log = _("Processed %(tried)d refused callbacks again: %(left)d are still refused.") % {
            "tried": tried, "left": left,
        }  # fmt: skip
        level = messages.WARNING if left else messages.SUCCESS
        here = self.to_object(account, anchor="#refused")
        return self.conclude(request, account, words=words, log=log, to=here, level=level)

    @page(
        "<path:object_id>/reconcile/",
        name="reconcile",
        permission="recordings.reconcile_recording",
        methods=WRITE,
    )
    def reconcile(self, request: HttpRequest, account: Account) -> HttpResponse:
        """Settle what is open now, as far as it goes in some seconds."""
        here = self.to_object(account, anchor="#sync")
        settled = tasks.reconcile_account(account, within=RECONCILE_SECONDS)
        log = _("Had what is open settled.")
        if settled is None:
            words = _("It is being settled at this moment. Reload this page to see how it stands.")
            return self.conclude(request, account, words=words, log=log, to=here, level=messages.INFO)
        words = _("Settled: %(settled)d. Still open: %(open)d.") % {
            "settled": settled.settled, "open": settled.open,
        }  # fmt: skip
        if settled.error is not None:
            words = f"{words} {formatting.plain(settled.error)}"
        level = messages.SUCCESS if settled.error is None else messages.ERROR
        return self.conclude(request, account, words=words, log=log, to=here, level=level)

    @page("<path:object_id>/gap-seen/", name="gap_seen", permission="recordings.mark_seen", methods=WRITE)
    def gap_seen(self, request: HttpRequest, account: Account) -> HttpResponse:
        """Close the overview's line about callbacks that never came, until another one does not."""
        account.acknowledge_missing_callbacks(timezone.now())
        words = _("Marked as seen: the recordings themselves go on saying that no callback came.")
        log = _("Saw that callbacks had not come.")
        return self.conclude(request, account, words=words, log=log, to=self.to_index())


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


@sensitive_variables("token")
def hold_token_check(request: HttpRequest, auth_id: str, token: str) -> None:
    """Try the token and keep the verdict for the form of this request."""
    request.token_trial = check_token(auth_id, token)  # type: ignore[attr-defined]


def token_check_of(request: HttpRequest) -> TokenTrial | None:
    """Return the verdict, if a token was tried in this request."""
    return getattr(request, "token_trial", None)
