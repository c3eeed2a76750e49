"""The event contracts: what each service tells the others, and the only thing that they share."""
