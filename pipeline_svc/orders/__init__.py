"""Orders: what a customer bought, what was paid for it, and what was delivered."""
