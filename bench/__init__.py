"""Figures about speed: `python -m bench`. They come from here, never from a timed test."""
