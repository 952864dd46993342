"""A limited child process: where code that nobody has vouched for may crash, loop or eat memory, and only there.

``child`` is the parent's side: start it, ask it once, end it in time, and say how it ended.  ``inside`` is the child's:
give up its rights to resources, and answer once.
"""
