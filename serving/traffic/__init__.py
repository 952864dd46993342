"""Which version answers a request when several share an id: the plan, the choice, and the guards.  Pure values."""
