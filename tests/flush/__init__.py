"""An app of the tests alone: its command `flush` stands for Django's, with which transactional tests end."""
