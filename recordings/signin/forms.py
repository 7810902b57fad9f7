"""The forms of sign-in: a password, and passkeys made for the portal's own address."""

from __future__ import annotations

from typing import Any

from allauth.mfa.webauthn.forms import AddWebAuthnForm, AuthenticateWebAuthnForm, LoginWebAuthnForm
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from fido2.webauthn import AuthenticationResponse, RegistrationResponse


class SignInForm(AdminAuthenticationForm):
    """User name and password. One answer for a wrong name, a wrong password and a person without access."""

    error_messages = {
        "invalid_login": gettext_lazy("User name or password is wrong. Both are case-sensitive."),
        "inactive": gettext_lazy("User name or password is wrong. Both are case-sensitive."),
    }
    MISMATCH = error_messages["invalid_login"]


def check_origin(credential: Any, kind: type[AuthenticationResponse] | type[RegistrationResponse]) -> None:
    """Raise ValidationError unless the browser made this credential for the address in PORTAL_URL."""
    try:
        origin = kind.from_dict(credential).response.client_data.origin
    except (TypeError, ValueError, KeyError, AttributeError, LookupError) as error:
        raise ValidationError(_("The passkey could not be read. Try again.")) from error
    if origin != settings.PORTAL_URL:
        raise ValidationError(_("This passkey was used at another address than the portal's."))


class AddPasskeyForm(AddWebAuthnForm):
    """A new passkey. It always identifies the person too, so that it opens the portal by itself."""

    def clean(self) -> dict[str, Any]:
        """Check where the passkey was made, and that it checks who uses it."""
        credential = self.cleaned_data.get("credential")
        if credential:
            check_origin(credential, RegistrationResponse)
            self.cleaned_data["passwordless"] = True
        return dict(super().clean())


class PasskeyForm(AuthenticateWebAuthnForm):
    """A passkey as second factor."""

    def clean_credential(self) -> Any:
        """Check where it was used, then the signature."""
        check_origin(self.cleaned_data["credential"], AuthenticationResponse)
        return super().clean_credential()


class PasskeySignInForm(LoginWebAuthnForm):
    """A passkey instead of a password."""

    def clean_credential(self) -> Any:
        """Check where it was used, then the signature."""
        check_origin(self.cleaned_data["credential"], AuthenticationResponse)
        return super().clean_credential()
