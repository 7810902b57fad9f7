"""The portal's application: calls, recordings, transcripts, and the pages that show them."""
