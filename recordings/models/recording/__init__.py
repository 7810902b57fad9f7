"""A recording: its row, its transitions, and how what Vobiz says gets into it."""
