"""Cohorts: customers by the month of their first purchase, and what they bought since."""
