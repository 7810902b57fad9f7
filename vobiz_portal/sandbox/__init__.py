"""A Vobiz API of our own for the demo and the tests."""
