"""The waveform of a recording, computed once from the archived copy, so that a four-hour call opens at once."""

from __future__ import annotations

from django.db import models

from recordings.models.recording import Recording


class Waveform(models.Model):
    """`points`: one byte (0 to 255) for the loudest moment of each equal part of the audio, channel after channel."""

    recording = models.OneToOneField(Recording, on_delete=models.CASCADE, related_name="waveform")
    channels = models.PositiveSmallIntegerField()
    points = models.BinaryField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.recording_id}: {self.channels} × {len(self.points) // self.channels}"

    @property
    def lanes(self) -> list[bytes]:
        """The points of each channel."""
        points = bytes(self.points)
        size = len(points) // self.channels
        return [points[at * size : (at + 1) * size] for at in range(self.channels)]

    def reassign(self, recording: Recording) -> None:
        """Move to the row that its recording was merged into."""
        Waveform.objects.filter(pk=self.pk).update(recording=recording)
