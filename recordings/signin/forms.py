"""The forms of sign-in: a password, and passkeys made for the portal's own address."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.utils import encrypt
from allauth.mfa.webauthn.forms import AddWebAuthnForm, AuthenticateWebAuthnForm, LoginWebAuthnForm
from cryptography.exceptions import UnsupportedAlgorithm
from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from fido2.webauthn import AuthenticationResponse, CollectedClientData, RegistrationResponse

from recordings.choices import AccessAction, AccessResult
from recordings.signin import budgets, log
from recordings.signin.budgets import GuessRefusedError
from recordings.signin.factors import using


class GuessForm:
    """A mixin: a form that checks a guess within the budgets, and says why one was not checked."""

    refused: GuessRefusedError | None = None

    @contextmanager
    def guess(
        self, request: HttpRequest, kind: budgets.Kind, user: Any, name: str = ""
    ) -> Iterator[budgets.Guess]:
        """As `budgets.guess`, with ValidationError for a refusal, which stays in `refused`."""
        try:
            with budgets.guess(request, kind, user, name) as made:
                yield made
        except GuessRefusedError as refused:
            self.refused = refused
            raise ValidationError(refused.words) from refused


def note_failure(request: HttpRequest, user: Any, what: str) -> None:
    """Note that somebody called `user` got this wrong."""
    log.note(user, AccessAction.SIGN_IN, what, request=request, result=AccessResult.REFUSED)


class SignInForm(GuessForm, AdminAuthenticationForm):
    """User name and password. One answer for a wrong name, a wrong password and a person without access."""

    error_messages = dict.fromkeys(
        ("invalid_login", "inactive"),
        gettext_lazy("User name or password is wrong. Both are case-sensitive."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = gettext_lazy("User name")

    def clean(self) -> dict[str, Any]:
        """Check the password, if the budgets allow it; note a wrong one of a known person."""
        name, request = self.cleaned_data.get("username"), self.request
        if request is None or not name or not self.cleaned_data.get("password"):
            return dict(super().clean())
        user = User.objects.filter(username=name).first()
        with self.guess(request, budgets.PASSWORD, user, name) as guess:
            try:
                cleaned = dict(super().clean())
            except ValidationError:
                if user is not None:
                    note_failure(request, user, "password")
                raise
            guess.was_right()
        return cleaned


class _CodeForm(GuessForm, BaseAuthenticateForm):
    def clean_code(self) -> str:
        """Check it, if the budgets allow it."""
        with self.guess(context.request, budgets.CODE, self.user) as guess:
            try:
                code = str(super().clean_code())
            except Authenticator.DoesNotExist as error:  # replaced or removed since it was looked up
                raise get_adapter().validation_error("incorrect_code") from error
            guess.was_right()
        return code

    def save(self) -> None:
        """Note that it was used."""
        with using(self.authenticator):
            super().save()


class CodeForm(_CodeForm, AuthenticateForm):
    """A code of the authenticator app, or a recovery code."""


class ConfirmCodeForm(_CodeForm, ReauthenticateForm):
    """The same, of somebody who is signed in."""


class AddAppForm(ActivateTOTPForm):
    """The first code of a new authenticator app. It works once, as every later one."""

    def clean_code(self) -> str:
        """Check it as that of the app to be, which also remembers it as used."""
        code = str(super().clean_code())
        app = TOTP(Authenticator(user=self.user, data={"secret": encrypt(self.secret)}))
        if not app.validate_code(code):
            raise get_adapter().validation_error("incorrect_code")
        return code


class ConfirmPasswordForm(GuessForm, forms.Form):
    """The reader's own password."""

    password = forms.CharField(strip=False)

    def __init__(self, *args: Any, user: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.request = user, request

    def clean_password(self) -> str:
        """Check it, if the budgets allow it."""
        password = str(self.cleaned_data["password"])
        with self.guess(self.request, budgets.PASSWORD, self.user) as guess:
            if not self.user.check_password(password):
                note_failure(self.request, self.user, "password")
                raise ValidationError(_("The password is wrong."))
            guess.was_right()
        return password

    def save(self) -> None:
        """Note in the session that the person was here."""
        record_authentication(self.request, self.user, "password", reauthenticated=True)


class NewPasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # generic in the stubs alone
    """A new password, twice."""

    error_messages = {"password_mismatch": gettext_lazy("The two passwords differ.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password1"].help_text = gettext_lazy(
            "At least 12 characters. Not only digits, not a common password, and unlike your name."
        )
        self.fields["new_password2"].label = gettext_lazy("New password again")
        self.fields["new_password2"].help_text = ""


class ChangePasswordForm(GuessForm, NewPasswordForm, PasswordChangeForm):
    """A new password, and the old one within the budgets."""

    request: HttpRequest
    field_order = ("old_password", "new_password1", "new_password2")
    error_messages = {
        **NewPasswordForm.error_messages,
        "password_incorrect": gettext_lazy("The old password is wrong."),
    }

    def clean_old_password(self) -> str:
        """Check it, if the budgets allow it."""
        with self.guess(self.request, budgets.PASSWORD, self.user) as guess:
            try:
                old = str(super().clean_old_password())
            except ValidationError:
                note_failure(self.request, self.user, "password")
                raise
            guess.was_right()
        return old


# What the libraries raise at a credential that no browser made, or at a key of a kind that they do not know.
UNREADABLE = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, RecursionError, TypeError,
    UnsupportedAlgorithm, ValueError,
)  # fmt: skip


class CredentialField(forms.JSONField):
    """What a browser says of a passkey: JSON, which anybody can post, of any depth and with any number."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        """Return it parsed; ValidationError for whatever cannot be."""
        try:
            return super().to_python(value)
        except UNREADABLE as error:
            raise _unreadable() from error


def _unreadable() -> ValidationError:
    return ValidationError(_("The passkey could not be read. Try again."))


def check_origin(
    credential: Any, kind: type[AuthenticationResponse] | type[RegistrationResponse]
) -> CollectedClientData:
    """Return what the browser says; ValidationError unless the credential was made for the address in PORTAL_URL."""
    try:
        said: CollectedClientData = kind.from_dict(credential).response.client_data
    except UNREADABLE as error:
        raise _unreadable() from error
    if said.origin != settings.PORTAL_URL:
        raise ValidationError(_("This passkey was used at another address than the portal's."))
    return said


@contextmanager
def checking(said: CollectedClientData) -> Iterator[None]:
    """Run the library's check of a credential; raise ValidationError for whatever it finds wrong, and for a replay.

    The session forgets its challenge only when the request ends, so of several at once each would still find it.
    """
    try:
        yield
    except (ValidationError, *UNREADABLE) as error:
        raise _not_accepted() from error
    if not cache.add(f"challenge-{hashlib.sha256(said.challenge).hexdigest()}", 1, budgets.DAY):
        raise _not_accepted()


def _not_accepted() -> ValidationError:
    return ValidationError(_("The portal did not accept this passkey. Try again."))


class AddPasskeyForm(AddWebAuthnForm):
    """A new passkey. It always identifies the person too, so that it opens the portal by itself."""

    credential = CredentialField()

    def clean(self) -> dict[str, Any]:
        """Check where the passkey was made, and that it checks who uses it."""
        credential = self.cleaned_data.get("credential")
        if not credential:
            return dict(super().clean())
        self.cleaned_data["passwordless"] = True
        with checking(check_origin(credential, RegistrationResponse)):
            return dict(super().clean())


class PasskeyForm(AuthenticateWebAuthnForm):
    """A passkey as second factor."""

    credential = CredentialField()

    def clean_credential(self) -> Any:
        """Check where it was used, then the signature."""
        try:
            with checking(check_origin(self.cleaned_data["credential"], AuthenticationResponse)):
                return super().clean_credential()
        except ValidationError:
            if budgets.PASSKEY_FAILURES.take(str(self.user.pk)):
                note_failure(context.request, self.user, "webauthn")
            raise

    def save(self) -> None:
        """Note that it was used."""
        with using(self.cleaned_data["credential"]):
            super().save()


class PasskeySignInForm(LoginWebAuthnForm):
    """A passkey instead of a password."""

    credential = CredentialField()

    def clean_credential(self) -> Any:
        """Check where it was used, then the signature."""
        with checking(check_origin(self.cleaned_data["credential"], AuthenticationResponse)):
            return super().clean_credential()
