"""Callbacks from Vobiz: decoding, storing and applying a delivery. Their HTTP side is `recordings.webhooks`."""
