"""Tests of script/: what a person types first."""
