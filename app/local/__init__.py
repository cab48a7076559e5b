"""The engine on one machine: Postgres and Valkey from wheels, and the supervisor of all processes."""


class CannotStart(Exception):
    """A sentence for the person who typed the command."""
