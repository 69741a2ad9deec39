"""The rows of the table, one idea a module; each registers itself with `@row`."""

ORDER = (
    "live",
    "burst",
    "crowd",
    "private",
    "storm",
    "latency",
    "delete",
    "daphne",
    "memory",
    "save",
    "relay",
    "mails",
    "log",
    "processes",
    "stall",
    "growth",
    "others",
)
