"""Admin pages of calls: list, call, live calls, start and stop."""
