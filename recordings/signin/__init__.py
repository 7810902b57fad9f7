"""Sign-in: passwords, second factors, sessions and single sign-on, over django-allauth (ADR 0013)."""
