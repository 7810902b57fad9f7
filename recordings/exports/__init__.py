"""VERB take out: recordings as a ZIP, lists as CSV; made while they are sent, never held whole in memory or on disk."""

from __future__ import annotations

from recordings.exports.csv_file import cell, csv_file, moment
from recordings.exports.manifest import Words, WordsChanged
from recordings.exports.plan import Item, Plan, plan
from recordings.exports.slots import ExportSlot, TooMany
from recordings.exports.tables import TABLES, Column, Table
from recordings.exports.zip_file import CannotOpen, Opened, ZipFile

__all__ = [
    "TABLES",
    "CannotOpen",
    "Column",
    "ExportSlot",
    "Item",
    "Opened",
    "Plan",
    "Table",
    "TooMany",
    "Words",
    "WordsChanged",
    "ZipFile",
    "cell",
    "csv_file",
    "moment",
    "plan",
]
