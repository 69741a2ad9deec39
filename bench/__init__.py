"""Figures about speed. They come from here, never from a timed test."""
