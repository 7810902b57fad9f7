"""The client of Vobiz's API and media host."""
