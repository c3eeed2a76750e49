"""Messages: what is said under a ticket, among the staff and with the customer."""
