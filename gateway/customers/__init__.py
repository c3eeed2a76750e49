"""What the gateway itself tells of a customer, from the journal."""
