"""A throw-away service for the tests of the kit: it keeps things."""
