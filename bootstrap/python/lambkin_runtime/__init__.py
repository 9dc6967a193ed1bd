"""The parts of the Python runtime client; bootstrap.py puts them together."""
