"""Leads: who may buy, until it is an opportunity or known not to be one."""
