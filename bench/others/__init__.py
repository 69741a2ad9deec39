"""Other people's servers with the same dashboards: each is measured where it is to be had, and left out with a word."""
