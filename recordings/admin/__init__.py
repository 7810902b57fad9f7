"""DOOR for people: one module for each model or page."""
