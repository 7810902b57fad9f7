"""Everything the database holds, row by row."""

from __future__ import annotations

from django.apps import apps


def snapshot() -> dict[str, list[tuple[object, ...]]]:
    """Every table's rows in the order of their keys: equal exactly if nothing was changed."""
    return {
        model._meta.db_table: list(model._base_manager.order_by("pk").values_list())
        for model in apps.get_models(include_auto_created=True)
    }
