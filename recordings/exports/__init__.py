"""Exports: recordings as a ZIP, lists as CSV; made while they are sent, never held whole in memory."""

from __future__ import annotations

from recordings.exports.csv_file import cell, csv_file, moment
from recordings.exports.plan import Plan, plan
from recordings.exports.slots import ExportSlot, TooManyExportsError
from recordings.exports.tables import MAIN_COLUMNS, TABLES, Column, Table
from recordings.exports.zip_file import AudioOpenError, Opened, ZipExport

__all__ = [
    "MAIN_COLUMNS",
    "TABLES",
    "AudioOpenError",
    "Column",
    "ExportSlot",
    "Opened",
    "Plan",
    "Table",
    "TooManyExportsError",
    "ZipExport",
    "cell",
    "csv_file",
    "moment",
    "plan",
]
