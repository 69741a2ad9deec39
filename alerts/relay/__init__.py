"""The relay: numbers what was committed, publishes it, expands it into deliveries, and delivers those."""
