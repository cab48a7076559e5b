"""The engine on one machine: real servers from wheels, and the supervisor that keeps everything running."""


class CannotStart(Exception):
    """A sentence for the person who typed the command."""
