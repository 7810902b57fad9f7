"""The addresses of sign-in. Of the library's views those that the portal needs, and none to sign up."""

from __future__ import annotations

from django.urls import path

from recordings.signin import sso, views

urlpatterns = [
    path("login/", views.SignIn.as_view(), name="account_login"),
    path("login/second-factor/", views.SecondFactor.as_view(), name="mfa_authenticate"),
    path("login/forgotten/", views.Forgotten.as_view(), name="password_forgotten"),
    path("login/sso/", sso.login, name="sso_login"),
    path("login/sso/callback/", sso.callback, name="sso_callback"),
    path("login/passkey/", views.PasskeySignIn.as_view(), name="mfa_login_webauthn"),
    path("password_change/", views.ChangePassword.as_view(), name="account_change_password"),
    path("your-account/", views.YourAccount.as_view(), name="mfa_index"),
    path("your-account/sessions/", views.end_sessions, name="end_sessions"),
    path("your-account/sso/disconnect/", views.disconnect, name="sso_disconnect"),
    path("your-account/app/", views.AddApp.as_view(), name="mfa_activate_totp"),
    path("your-account/app/remove/", views.RemoveApp.as_view(), name="mfa_deactivate_totp"),
    path("your-account/passkeys/add/", views.AddPasskey.as_view(), name="mfa_add_webauthn"),
    path("your-account/passkeys/<int:pk>/remove/", views.RemovePasskey.as_view(), name="mfa_remove_webauthn"),
    path("your-account/recovery-codes/", views.RecoveryCodes.as_view(), name="mfa_view_recovery_codes"),
    path(
        "your-account/recovery-codes/new/",
        views.NewRecoveryCodes.as_view(),
        name="mfa_generate_recovery_codes",
    ),
]
