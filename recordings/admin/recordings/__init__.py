"""Admin pages of recordings: list, recording, player, archive."""
