"""Users and roles: who may sign in, what they may do, and which accounts they see."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from django import forms
from django.apps import apps
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected as ask_to_delete
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import model_ngettext, unquote
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN, PasswordResetConfirmView
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path, reverse, reverse_lazy
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from recordings import mail
from recordings.admin import formatting
from recordings.admin.base import PortalMixin
from recordings.admin.change_list import PlainList
from recordings.admin.list_page import View
from recordings.choices import AccessAction
from recordings.forms import KeysField
from recordings.models import AccessEvent, Account
from recordings.roles import label_of
from recordings.signin import log, sessions
from recordings.signin.budgets import remember_device
from recordings.signin.factors import reset_factors
from recordings.signin.forms import NewPasswordForm
from recordings.signin.sessions import end_sessions
from recordings.tasks import request_password_link
from recordings.user_forms import PersonForm

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]  # generic for the type checker only
else:
    _UserAdmin = UserAdmin


# One box for each: Django's two lists side by side need a script, and name their buttons to nobody who cannot see.
BOXES = forms.CheckboxSelectMultiple
CODES = Authenticator.Type.RECOVERY_CODES

# What the access log holds of a person's login
LINK_MADE = "user %s: created a sign-in link"
PASSWORD_SET, PASSWORD_REMOVED = "user %s: password set", "user %s: password removed"
EMAIL_CHANGED = "user %s: changed the e-mail address"  # which a login link is made of


HISTORY_WORDS = gettext_lazy(
    "%(who)s has used the portal. The history of a person is kept: untick Active on their page instead."
)


class RoleFilter(admin.RelatedFieldListFilter):
    """People of one role."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("role")

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        """Return every role by its name as people read it."""
        return [(pk, label_of(str(name))) for pk, name in super().field_choices(field, request, model_admin)]


class PeopleMixin(PortalMixin):
    """A mixin of the admins of people and roles: Django's list, and one sentence of what was deleted."""

    actions = ("delete_selected",)
    list_title = _("Users and roles")

    def tabs(self, request: HttpRequest) -> list[View]:
        """Return the two lists as tabs, to whoever may open both."""
        lists = {"user": gettext("Users"), "group": gettext("Roles")}
        if not request.user.has_perms([f"auth.view_{name}" for name in lists]):
            return []
        urls = {reverse(f"admin:auth_{name}_changelist"): label for name, label in lists.items()}
        return [View(label, url, request.path == url) for url, label in urls.items()]

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[ChangeList]:
        """Under its plain name, as the other lists."""
        return PlainList

    @admin.action(permissions=["delete"], description=_("Delete…"))
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask, or delete those that were asked for."""
        _objects, _counts, lacking, protected = self.get_deleted_objects(queryset, request)
        if "post" not in request.POST or protected:
            return ask_to_delete(self, request, queryset)
        if lacking:
            raise PermissionDenied
        n = queryset.count()
        words = gettext("%(n)d %(items)s deleted.") % {"n": n, "items": model_ngettext(self.opts, n)}
        self.log_deletions(request, queryset)
        self.delete_queryset(request, queryset)
        self.message_user(request, words, messages.SUCCESS)
        return None

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        """Lead back to the list."""
        words = gettext("%(what)s %(name)s deleted.")
        said = {"what": capfirst(self.opts.verbose_name), "name": formatting.plain(obj_display)}
        self.message_user(request, words % said, messages.SUCCESS)
        return HttpResponseRedirect(self.to_page("changelist"))


class PortalUserAdmin(PeopleMixin, _UserAdmin):
    """People: who they are, which roles they have, which accounts they see."""

    form = PersonForm
    add_form = PersonForm
    change_form_template = add_form_template = "admin/recordings/user/form.html"
    list_display = ("user_name", "full_name", "email_shown", "roles", "accounts", "admitted")
    list_filter = ("is_active", "is_superuser", ("groups", RoleFilter))
    search_help_text = _("User name, name or e-mail")
    filter_horizontal = ()
    readonly_fields = ()
    show_facets = admin.ShowFacets.NEVER
    PERSON = ("username", "first_name", "last_name", "email", "is_active")
    ADVANCED = ("is_staff", "is_superuser", "user_permissions")

    # Who may

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Return whether the reader may change people; a superuser is another superuser's to change."""
        above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return super().has_change_permission(request, obj) and not above

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Return whether the reader may delete people, by the same rule."""
        above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return super().has_delete_permission(request, obj) and not above

    # The list

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Add their roles, and those of their accounts that the reader sees."""
        seen = Prefetch(
            "vobiz_accounts", Account.objects.visible_to(request.user), to_attr="accounts_of_reader"
        )
        return super().get_queryset(request).prefetch_related("groups", seen)

    @admin.display(description=_("user name"), ordering="username")
    def user_name(self, user: User) -> str:
        """Return the name that the person logs in with."""
        return user.get_username()

    @admin.display(description=_("name"))
    def full_name(self, user: User) -> str | SafeString:
        """Return how the person is called, where it is known."""
        return user.get_full_name() or formatting.NOTHING

    @admin.display(description=_("e-mail"))
    def email_shown(self, user: User) -> str | SafeString:
        """Return the e-mail address, where it is known."""
        return user.email or formatting.NOTHING

    @admin.display(description=_("roles"))
    def roles(self, user: User) -> str | SafeString:
        """Return the names of the person's roles."""
        names = [str(_("Superuser"))] if user.is_superuser else []
        names += [label_of(group.name) for group in user.groups.all()]
        return ", ".join(names) or formatting.NOTHING

    @admin.display(description=_("accounts"))
    def accounts(self, user: User) -> str | SafeString:
        """Return the accounts that the person sees and the reader sees too."""
        if user.is_superuser:
            return gettext("All accounts")
        names = sorted(account.name or account.auth_id for account in user.accounts_of_reader)  # type: ignore[attr-defined]
        return ", ".join(formatting.plain(name) for name in names) or formatting.NOTHING

    @admin.display(description=_("status"))
    def admitted(self, user: User) -> str:
        """Return whether the person may sign in: inactive people, and those not on the staff, see no page."""
        if not user.is_active:
            return formatting.badge("off", gettext("Inactive"), role="quiet")
        if not user.is_staff:
            return formatting.badge("outside", gettext("No access"), role="quiet")
        return formatting.badge("staff", gettext("Active"), role="good")

    # The form

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Return the fields of the form; those that give everything are for superusers alone."""
        advanced = self.ADVANCED if request.user.is_superuser else ()
        return [(None, {"fields": [*self.PERSON, "groups", "accounts", *advanced]})]

    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        """Return the form with the accounts that the reader sees."""
        form: Any = super().get_form(request, obj, **kwargs)
        form.base_fields["accounts"].queryset = Account.objects.visible_to(request.user).order_by("name")
        return form

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Show the form with what the person lacks, in a plain title."""
        person: User | None = context.get("original")
        context["title"] = (
            (person.get_full_name() or person.get_username()) if person else gettext("Add a user")
        )
        context["subtitle"] = None
        context["lacks"] = lacks(person) if person else []
        context["needs_link"] = bool(person and person.is_active and not person.has_usable_password())
        context["is_new"] = person is not None and is_new(person)
        made, ended = link_times(person) if person and context["needs_link"] else (None, None)
        context["link_made"], context["link_ended"] = made, ended
        context["mailed"] = last_mail(person) if person else None
        context["link_ends"] = made and made + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
        context["show_save_and_add_another"] = context["show_save_and_continue"] = False
        context["advanced"] = request.user.is_superuser
        may_reset = bool(person) and request.user.is_superuser
        context["factors"] = (
            Authenticator.objects.filter(user=person).exclude(type=CODES) if may_reset else []
        )
        context["can_send"] = bool(person and person.email) and mail.is_possible()
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save; a new person is on the staff and has no password until they set one."""
        if not change:
            obj.set_unusable_password()
            if not request.user.is_superuser:
                obj.is_staff = True
            obj.save()
        elif columns := {field.name for field in obj._meta.concrete_fields} & set(form.changed_data):
            obj.save(update_fields=sorted(columns))  # a password or a login may be written meanwhile
        rights = sorted(
            {"is_active", "is_staff", "is_superuser", "user_permissions"} & set(form.changed_data)
        )
        if rights or not change:
            changed = ", ".join(
                f"{name}={getattr(obj, name)}" for name in rights if name != "user_permissions"
            )
            log.person_changed(f"user {obj.pk}: {'changed' if change else 'made'} {changed or 'permissions'}")
        if change and "email" in form.changed_data:
            log.person_changed(EMAIL_CHANGED % obj.pk)
        if not (obj.is_active and obj.is_staff):
            sessions.end_sessions(obj)  # they would live on if the person came back

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Lead to the new person's page, where the link for signing in is made."""
        return self._say(request, obj, gettext("User %s created."))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Lead back to the list, or make the login link that was asked for."""
        self.message_user(request, gettext("User %s saved.") % obj.get_username(), messages.SUCCESS)
        if "_link" in request.POST or "_send" in request.POST:
            return self.give_link(request, obj, send="_send" in request.POST)
        return HttpResponseRedirect(self.to_page("changelist"))

    def _say(self, request: HttpRequest, person: User, words: str) -> HttpResponse:
        """Lead to a person's page, which says what was done, with a place for their name."""
        self.message_user(request, words % person.get_username(), messages.SUCCESS)
        return HttpResponseRedirect(self.to_object(person))

    def _person(self, request: HttpRequest, key: str) -> User:
        """Return the person that an address names, for those who may change them."""
        person: User | None = self.get_object(request, unquote(key))
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        if person is None:
            raise Http404
        return person

    # The link by which a person sets a password

    def get_urls(self) -> list[Any]:
        """Add the pages that make the link and reset the second factor."""
        view = self.admin_site.admin_view(self.set_up_link)
        reset = self.admin_site.admin_view(self.reset_second_factor)
        return [
            path("<id>/set-up-link/", view, name="auth_user_set_up_link"),
            path("<id>/reset-second-factor/", reset, name="auth_user_reset_second_factor"),
            *super().get_urls(),
        ]

    @method_decorator(sensitive_variables())
    def set_up_link(self, request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - Django's name
        """Make a one-time link by which the person sets a password, and show it once."""
        person = self._person(request, id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return self.give_link(request, person, send="send" in request.POST)

    @method_decorator(sensitive_variables())
    def give_link(self, request: HttpRequest, person: User, *, send: bool) -> HttpResponse:
        """Make a login link; send it, or show it once. It ends the former link of who never logged in."""
        if is_new(person):
            person.set_unusable_password()  # which the former link was made of
            person.save(update_fields=["password"])
        if send and mail.is_possible() and person.email:
            asked_by: Any = request.user
            self.log_change(request, person, gettext("Asked for a login link by e-mail."))
            log.person_changed(mail.ASKED % person.pk)
            request_password_link(person, asked_by=asked_by)
            told = gettext("The worker sends %s a link to set a password. This page says when it was sent.")
            return self._say(request, person, told)
        self.log_change(request, person, gettext("Created a login link."))
        log.person_changed(LINK_MADE % person.pk)
        context = {
            "person": person,
            "link": mail.password_link(person),
            "hours": settings.PASSWORD_RESET_TIMEOUT // 3_600,
            "is_new": is_new(person),
            "original": person,
        }
        title = gettext("Login link for %s") % person.get_username()
        answer = self.render(request, "admin/recordings/user/link.html", context, title=title)
        answer["Cache-Control"] = "no-store"
        return answer

    @method_decorator(sensitive_post_parameters())
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002 - Django's name
        """Set a person's password for them, or remove it, in plain words; a login link is offered first."""
        person = self._person(request, id)
        form = NewPasswordForm(person, request.POST or None)
        form.fields["new_password1"].help_text = gettext(
            "At least 12 characters. Not only digits, not a common password, and unlike the person's name."
        )
        can_remove = person.has_usable_password() and person != request.user
        told = ""
        if request.method == "POST" and "remove" in request.POST and can_remove:
            person.set_unusable_password()
            person.save(update_fields=["password"])
            told = gettext("Password of %s removed. A login link sets a new one.")
        elif form.is_valid():
            form.save()
            update_session_auth_hash(request, person)
            told = gettext("Password of %s set. Their other sessions have ended.")
        if told:
            self.log_change(request, person, gettext("Changed the password."))
            log.person_changed(
                PASSWORD_SET % person.pk if person.has_usable_password() else PASSWORD_REMOVED % person.pk
            )
            end_sessions(person, but=request.session.session_key)
            return self._say(request, person, told)
        context = {"person": person, "form": form, "can_remove": can_remove, "original": person}
        title = gettext("Password of %s") % person.get_username()
        return self.render(request, "admin/auth/user/change_password.html", context, title=title)

    def reset_second_factor(self, request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - Django's name
        """Ask, then delete a person's second factors and end their sessions: for somebody who lost every device."""
        if not request.user.is_superuser:
            raise PermissionDenied
        person = self.get_object(request, unquote(id))
        if person is None:
            raise Http404
        if request.method == "POST":
            reset_factors(person)
            self.log_change(request, person, gettext("Reset the second factor."))
            log.note(request.user, AccessAction.FACTOR, f"reset of user {person.pk}", request=request)
            told = gettext("Second factor of %s reset. They set up a new one when they next log in.")
            return self._say(request, person, told)
        context = {"person": person, "original": person}
        title = gettext("Reset the second factor of %s?") % person.get_username()
        return self.render(request, "admin/recordings/user/reset_factor.html", context, title=title)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Return what Django asks before it deletes people; those with history are not deleted."""
        to_delete, counts, lacking, protected = super().get_deleted_objects(objs, request)
        words = [HISTORY_WORDS % {"who": user.get_username()} for user in objs if has_history(user)]
        # What is protected is not deleted by anybody, so it does not matter what the reader may delete.
        stays = words or protected
        return to_delete, counts, set() if stays else lacking, stays


def lacks(person: User) -> list[str]:
    """Return what keeps a person from using the portal, one sentence each."""
    if not person.is_active:
        return []
    missing = []
    if not person.is_staff:
        missing.append(gettext("This person cannot log in to the portal: open Advanced and allow it."))
    if person.is_superuser:
        return missing
    if not person.groups.exists() and not person.user_permissions.exists():
        missing.append(gettext("No role: this person sees nothing. Choose a role."))
    if not person.vobiz_accounts.exists():
        missing.append(gettext("No account: this person sees no calls. Choose an account."))
    return missing


def is_new(person: User) -> bool:
    """Return whether a person has neither a password nor ever logged in."""
    return person.last_login is None and not person.has_usable_password()


def _login_log(person: User) -> QuerySet[AccessEvent]:
    """Return the log of people, since a link of this person may still work and they last logged in."""
    since = timezone.now() - timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
    events = AccessEvent.objects.filter(
        action=AccessAction.PERSON, at__gt=max(since, person.last_login or since)
    )
    return events.order_by("at", "pk")


def link_times(person: User) -> tuple[datetime | None, datetime | None]:
    """Return when the login link was made that still works, or when another e-mail address ended one.

    Both by the access log.
    """
    words = (LINK_MADE, mail.SENT, PASSWORD_REMOVED, EMAIL_CHANGED, mail.ASKED)
    made, sent, removed, changed, asked = (each % person.pk for each in words)
    events = _login_log(person).filter(detail__in=(made, sent, removed, changed, asked))
    works = ended = None
    for detail, at in events.values_list("detail", "at"):
        if detail == changed:
            works, ended = None, at if works else ended
        elif detail != asked or is_new(person):  # whose former link is ended by who asks for another
            works, ended = at if detail in (made, sent) else None, None
    return works, ended


def last_mail(person: User) -> dict[str, Any] | None:
    """Return what became of the last e-mail with a login link, by the access log.

    None where there is nothing to tell, also because a link was made by hand since, or the person logged in. `why`: it
    was not sent. `is_over`: and is not tried any more.
    """
    words = (LINK_MADE, mail.ASKED, mail.SENT, mail.DELAYED, mail.UNSENT)
    made, asked, sent, delayed, unsent = (each % person.pk for each in words)
    wanted = Q(detail__in=(made, asked, sent)) | Q(detail__startswith=delayed) | Q(detail__startswith=unsent)
    last = _login_log(person).filter(wanted).last()
    if last is None or last.detail is None or last.detail == made:
        return None
    why = last.detail.partition(": ")[2].partition(": ")[2]
    return {
        "at": last.at,
        "is_sent": last.detail == sent,
        "is_over": last.detail.startswith(unsent),
        "why": why,
    }


def has_history(user: User) -> bool:
    """Return whether the user heard, read or exported something, or something was done in their name."""
    accesses = AccessEvent.objects.filter(user_pk=user.pk)
    return accesses.exists() or LogEntry.objects.filter(user=user).exists()


@method_decorator(login_not_required, name="dispatch")
class SetPassword(PasswordResetConfirmView):
    """Where a sign-in link leads: an active person sets a password. Django checks the link, and it works once."""

    template_name = "admin/recordings/user/set_password.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("admin:login")

    def get_user(self, uidb64: str) -> Any:
        """Return the person, unless their access was ended after the link was made."""
        person: Any = super().get_user(uidb64)
        return person if person is not None and person.is_active else None

    def get_form(self, *args: Any, **kwargs: Any) -> Any:
        """Begin in the first field."""
        form = super().get_form(*args, **kwargs)
        form.fields["new_password1"].widget.attrs["autofocus"] = True
        return form

    def form_valid(self, form: Any) -> HttpResponse:
        """Set the password, make the browser known, and say so on the login page.

        Guesses from elsewhere may have used up the budget of unknown browsers; whoever holds the link gets in. Of two
        who use it at the same moment one does.
        """
        form.save(commit=False)  # hashes, which must not hold the lock
        with transaction.atomic():
            held = User.objects.select_for_update().filter(pk=form.user.pk, is_active=True).first()
            token = self.request.session.get(INTERNAL_RESET_SESSION_TOKEN)
            if held is None or not self.token_generator.check_token(held, token):
                self.validlink = False
                return self.render_to_response(self.get_context_data())
            form.user.save(update_fields=["password"])
            sessions.end_sessions(form.user)
            log.note(form.user, AccessAction.FACTOR, "set a password by a link", request=self.request)
        del self.request.session[INTERNAL_RESET_SESSION_TOKEN]
        answer = HttpResponseRedirect(self.get_success_url())
        remember_device(self.request, answer, form.user)
        messages.success(self.request, gettext("Password set. Log in with it."))
        return answer


# Django's word for a role, in titles, counts and messages of its own pages
Group._meta.verbose_name, Group._meta.verbose_name_plural = _("role"), _("roles")


class RoleAdmin(PeopleMixin, GroupAdmin):
    """Roles are made by a migration once; superusers change them here."""

    list_display = ("role",)
    search_help_text = _("Name of a role")
    filter_horizontal = ()

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save; a new role or name is noted. Who has the role, and what it may do, is noted where it changes."""
        super().save_model(request, obj, form, change)
        if not change:
            log.person_changed(f"role {obj}: made")
        elif "name" in form.changed_data:
            log.person_changed(f"role {obj}: was {form.initial['name']}")

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        """Return the field of the permissions, which refuses what is no key."""
        return super().formfield_for_manytomany(db_field, request, **kwargs, form_class=KeysField)

    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        """Return the form with a box for each permission of the portal, and for what the role has besides."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        if field := form.base_fields.get("permissions"):
            field.widget = BOXES()
            held = Permission.objects.filter(group=obj).values("pk") if obj else []
            ours = Q(content_type__app_label__in=("recordings", "auth")) | Q(pk__in=held)
            order = ("-content_type__app_label", "content_type__model", "codename")
            field.queryset = Permission.objects.filter(ours).select_related("content_type").order_by(*order)
        return form

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Show the form under the role's name, with one button to save."""
        role: Group | None = context.get("original")
        context["title"] = label_of(role.name) if role else gettext("Add a role")
        context["subtitle"] = None
        context["show_save_and_add_another"] = context["show_save_and_continue"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("name"), ordering="name")
    def role(self, group: Group) -> str:
        """As people read it."""
        return label_of(group.name)


# What the library registers holds secrets and sessions of people: their own pages and the page of a user show them.
for model in apps.get_models():
    if admin.site.is_registered(model) and (
        model in (User, Group) or model.__module__.startswith("allauth.")
    ):
        admin.site.unregister(model)
admin.site.register(User, PortalUserAdmin)
admin.site.register(Group, RoleAdmin)
