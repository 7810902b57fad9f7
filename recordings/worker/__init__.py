"""The background work of one process: looking again and again at what is due, and carrying out what is in the queue.

Any number of these may run, on any number of machines: each row is worked on under a lease, so that nothing is done
twice at the same time, and what a killed worker had in hand is done again by another.
"""
