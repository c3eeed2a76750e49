"""What is sold, and to whom: the orders of customers."""
