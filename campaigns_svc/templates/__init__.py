"""Templates: the words of a mail, with variables, fixed once they are published."""
