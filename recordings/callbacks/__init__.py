"""VERB ingest, with its own HTTP door: what Vobiz posts to this portal."""
