"""Customer value mathematics: pure functions of numbers, without a database, a clock or settings."""
