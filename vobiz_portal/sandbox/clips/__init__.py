"""Spoken lines the sandbox's recordings are made of. See LICENSE.txt and make_clips.py beside this file."""
