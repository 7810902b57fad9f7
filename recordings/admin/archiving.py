"""Archive now: one recording by its page's button, several by the list's action."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recordings import tasks
from recordings.admin.base import WRITE, ReadOnlyAdmin, may, page
from recordings.admin.kept import may_be_archived
from recordings.admin.shown import count
from recordings.models import Recording

AT_ONCE = 500  # rows that one press has archived ahead of their turn


class ArchivePages(ReadOnlyAdmin):
    """What a Recording's admin has for those who may have recordings archived now."""

    def has_archive_permission(self, request: HttpRequest) -> bool:
        """What the action asks for."""
        return may(request, "archive_recording")

    @page(
        "<path:object_id>/archive/",
        name="archive",
        permission="recordings.archive_recording",
        methods=WRITE,
    )
    def archive(self, request: HttpRequest, recording: Recording) -> HttpResponse:
        """This one, ahead of its turn; the page says what came of it when it is looked at again."""
        to = self.to_object(recording) if self.has_view_permission(request) else self.to_index()
        if not may_be_archived(recording):
            words = _("There is nothing to fetch: it is archived, or Vobiz does not have it.")
            return self.conclude(
                request, recording, words=words, log=_("Asked for it to be archived: %s") % words, to=to,
                level=messages.WARNING,
            )  # fmt: skip
        tasks.archive_now([recording.pk])
        words = _("Its audio is being fetched. Load this page again in a moment: it says what came of it.")
        return self.conclude(request, recording, words=words, log=_("Asked for it to be archived."), to=to)

    @admin.action(description=gettext_lazy("Archive now"), permissions=["archive"])
    def archive_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Each of the selection that can be fetched."""
        rows = list(Recording.objects.filter(pk__in=queryset.values("pk")).available_to_archive()[:AT_ONCE])
        left_out = queryset.count() - len(rows)
        if rows:
            tasks.archive_now([row.pk for row in rows])
            self.log_each(request, rows, _("Asked for it to be archived."))
            words = ngettext(
                "The audio of %s recording is being fetched, ahead of its turn.",
                "The audio of %s recordings is being fetched, ahead of their turn.",
                len(rows),
            )
            self.message_user(request, words % count(len(rows)))
        if left_out:
            words = ngettext(
                "%s was left out: it is archived, or Vobiz does not have it.",
                "%s were left out: they are archived, or Vobiz does not have them.",
                left_out,
            )
            self.message_user(request, words % count(left_out), messages.WARNING)
