"""Users and roles: who may sign in, what they may do, and which accounts they see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import Group, User
from django.contrib.auth.views import PasswordResetConfirmView
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from recordings import mail
from recordings.admin import columns, formatting
from recordings.admin.base import ObjectLookupMixin, without_empty_filters
from recordings.choices import AccessAction
from recordings.models import AccessEvent, Account
from recordings.roles import label_of
from recordings.signin import log
from recordings.signin.budgets import remember_device
from recordings.signin.factors import reset_factors
from recordings.tasks import mail_password_link
from recordings.user_forms import PersonForm

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]  # generic for the type checker only
else:
    _UserAdmin = UserAdmin


# One box for each: Django's two lists side by side need a script, and name their buttons to nobody who cannot see.
BOXES = forms.CheckboxSelectMultiple
CODES = Authenticator.Type.RECOVERY_CODES


HISTORY_WORDS = gettext_lazy(
    "%(who)s has used the portal. People with history are made inactive, not deleted, so that their history stays "
    "known: untick Active on their page."
)


class RoleFilter(admin.RelatedFieldListFilter):
    """People of one role."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        """Return every role by its name as people read it."""
        return [(pk, label_of(str(name))) for pk, name in super().field_choices(field, request, model_admin)]


class PlainList(ChangeList):
    """A list under the plain name of what it lists, as the portal's own; without keyset and totals."""

    page = order = totals = None

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        if not self.is_popup:
            self.title = str(capfirst(self.opts.verbose_name_plural))


class PortalUserAdmin(ObjectLookupMixin, _UserAdmin):
    """People: who they are, which roles they have, which accounts they see."""

    form = PersonForm
    add_form = PersonForm
    change_form_template = add_form_template = "admin/recordings/user/form.html"
    list_display = ("username", "full_name", "email_shown", "roles", "accounts", "admitted")
    list_filter = ("is_active", "is_superuser", ("groups", RoleFilter))
    search_help_text = _("User name, name or e-mail")
    filter_horizontal = ()
    readonly_fields = ()
    show_facets = admin.ShowFacets.NEVER
    PERSON = ("username", "first_name", "last_name", "email", "is_active")
    ADVANCED = ("is_staff", "is_superuser", "user_permissions")

    @property
    def media(self) -> forms.Media:
        """No scripts but those of the frame."""
        return forms.Media()

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

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list; a panel of filters sends empty fields, which an address does not keep."""
        said = {"title": gettext("Users and roles"), **(extra_context or {})}
        return without_empty_filters(request) or super().changelist_view(request, said)

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[ChangeList]:
        """Under its plain name, as the other lists."""
        return PlainList

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Add their roles and accounts."""
        return super().get_queryset(request).prefetch_related("groups", "vobiz_accounts")

    @admin.display(description=_("name"))
    def full_name(self, user: User) -> str | SafeString:
        """Return how the person is called, where it is known."""
        return user.get_full_name() or columns.NOTHING

    @admin.display(description=_("e-mail"))
    def email_shown(self, user: User) -> str | SafeString:
        """Return the e-mail address, where it is known."""
        return user.email or columns.NOTHING

    @admin.display(description=_("roles"))
    def roles(self, user: User) -> str | SafeString:
        """Return the names of the person's roles."""
        names = [str(_("Superuser"))] if user.is_superuser else []
        names += [label_of(group.name) for group in user.groups.all()]
        return ", ".join(names) or columns.NOTHING

    @admin.display(description=_("accounts"))
    def accounts(self, user: User) -> str | SafeString:
        """Return the accounts that the person sees."""
        if user.is_superuser:
            return gettext("All")
        names = sorted(account.name or account.auth_id for account in user.vobiz_accounts.all())
        return ", ".join(formatting.plain(name) for name in names) or columns.NOTHING

    @admin.display(description=_("may sign in"))
    def admitted(self, user: User) -> str:
        """Return whether the person may sign in: inactive people, and those not on the staff, see no page."""
        if not user.is_active:
            return formatting.badge("off", gettext("Inactive"), role="quiet")
        if not user.is_staff:
            return formatting.badge("outside", gettext("No access"), role="quiet")
        return formatting.badge("staff", gettext("Yes"), role="good")

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
        context["show_save_and_add_another"] = context["show_save_and_continue"] = False
        context["advanced"] = request.user.is_superuser
        may_reset = bool(person) and request.user.is_superuser
        context["factors"] = (
            Authenticator.objects.filter(user=person).exclude(type=CODES) if may_reset else []
        )
        context["can_send"] = bool(person and person.email) and mail.is_possible()
        context["set_up_url"] = reverse("admin:auth_user_set_up_link", args=[person.pk]) if person else ""
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save; a new person is on the staff and has no password until they set one."""
        if not change:
            obj.set_unusable_password()
            if not request.user.is_superuser:
                obj.is_staff = True
        super().save_model(request, obj, form, change)
        rights = sorted(
            {"is_active", "is_staff", "is_superuser", "user_permissions"} & set(form.changed_data)
        )
        if rights or not change:
            changed = ", ".join(
                f"{name}={getattr(obj, name)}" for name in rights if name != "user_permissions"
            )
            log.person_changed(f"user {obj.pk}: {'changed' if change else 'made'} {changed or 'permissions'}")

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Lead to the new person's page, where the link for signing in is made."""
        words = gettext("User %s created. Create a sign-in link and send it to them.")
        self.message_user(request, words % obj.get_username(), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:auth_user_change", args=[obj.pk]))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Lead back to the list."""
        self.message_user(request, gettext("User %s saved.") % obj.get_username(), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:auth_user_changelist"))

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
        person = self.get_object(request, unquote(id))
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        if person is None:
            raise Http404
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self.log_change(request, person, gettext("Created a sign-in link."))
        log.person_changed(f"user {person.pk}: created a sign-in link")
        if "send" in request.POST and mail.is_possible() and person.email:
            mail_password_link.enqueue(person.pk)
            told = gettext("A link to set a password is on its way to %s.")
            self.message_user(request, told % person.get_username(), messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:auth_user_change", args=[person.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Sign-in link for %s") % person.get_username(),
            "person": person,
            "link": mail.password_link(person),
            "hours": settings.PASSWORD_RESET_TIMEOUT // 3_600,
            "opts": self.opts,
            "original": person,
        }
        answer = TemplateResponse(request, "admin/recordings/user/link.html", context)
        answer["Cache-Control"] = "no-store"
        return answer

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
            self.message_user(request, told % person.get_username(), messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:auth_user_change", args=[person.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Reset the second factor of %s?") % person.get_username(),
            "person": person,
            "opts": self.opts,
            "original": person,
        }
        return TemplateResponse(request, "admin/recordings/user/reset_factor.html", context)

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
        missing.append(gettext("This person cannot sign in to the portal: open Advanced and allow it."))
    if person.is_superuser:
        return missing
    if not person.groups.exists() and not person.user_permissions.exists():
        missing.append(gettext("No role: this person sees nothing. Choose a role."))
    if not person.vobiz_accounts.exists():
        missing.append(gettext("No account: this person sees no calls. Choose an account."))
    if not person.has_usable_password():
        missing.append(gettext("No password yet. Create a sign-in link and send it to them."))
    return missing


def has_history(user: User) -> bool:
    """Return whether the user heard, read or exported something, or something was done in their name."""
    accesses = AccessEvent.objects.filter(user_pk=user.pk)
    return accesses.exists() or LogEntry.objects.filter(user=user).exists()


@method_decorator(login_not_required, name="dispatch")
class SetPassword(PasswordResetConfirmView):
    """Where a sign-in link leads: the person sets a password. Django checks the link, and it works once."""

    template_name = "admin/recordings/user/set_password.html"
    success_url = reverse_lazy("admin:login")

    def form_valid(self, form: Any) -> HttpResponse:
        """Set the password, make the browser known, and say so on the login page.

        Guesses from elsewhere may have used up the budget of unknown browsers; whoever holds the link gets in.
        """
        answer = super().form_valid(form)
        remember_device(self.request, answer, form.user)
        messages.success(self.request, gettext("Password set. Sign in with it."))
        return answer


class RoleAdmin(ObjectLookupMixin, GroupAdmin):
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


# What the library registers holds secrets and sessions of people: their own pages and the page of a user show them.
THEIRS = [model for model in admin.site._registry if model.__module__.startswith("allauth.")]  # noqa: SLF001
admin.site.unregister([User, Group, *THEIRS])
admin.site.register(User, PortalUserAdmin)
admin.site.register(Group, RoleAdmin)
